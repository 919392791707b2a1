package localstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"restante/store"
	"restante/store/localstore"
	"restante/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Opener{Persistent: true, Open: func(dir string) (store.Store, error) {
		return localstore.Open(dir, nil)
	}})
}
