package memstore_test

import (
	"testing"

	"restante/store"
	"restante/store/memstore"
	"restante/store/storetest"
)

// The model is compared with itself: that tests the suite, and what the suite asks of all drivers.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Opener{Open: func(string) (store.Store, error) { return memstore.New(), nil }})
}
