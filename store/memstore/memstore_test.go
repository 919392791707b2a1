package memstore_test

import (
	"testing"

	"restante/store"
	"restante/store/memstore"
	"restante/store/storetest"
)

// The model is compared with itself: that tests the suite, and what the suite asks of all drivers.
func TestStore(t *testing.T) {
	o := memstore.Options{History: 16 << 10, MaxMessage: 8 << 20}
	storetest.Run(t, storetest.Opener{Open: func(string) (store.Store, error) { return memstore.Open(o), nil },
		History: o.History, MaxMessage: o.MaxMessage})
}
