package store_test

import (
	"context"
	"errors"
	"testing"

	"restante/store"
	"restante/store/gate"
	"restante/store/memstore"
)

// decorator adds nothing to a store.
type decorator struct{ store.Mail }

func (d decorator) Unwrap() store.Mail { return d.Mail }

// wall wraps a store and is no decorator.
type wall struct{ store.Mail }

// recentOfItsOwn is a decorator that has the part itself.
type recentOfItsOwn struct {
	decorator
	store.Recent
}

// unheardOf is a part that no gate knows.
type unheardOf interface{ UnheardOf() }

type withUnheardOf struct{ decorator }

func (withUnheardOf) UnheardOf() {}

func TestFind(t *testing.T) {
	s := memstore.New()
	defer s.Close()
	pass := gate.New(s, gate.Owners)
	own := recentOfItsOwn{decorator{s}, s}
	for what, c := range map[string]struct {
		mail  store.Mail
		found any // the part, true for any, nil for none
	}{
		"nothing":                   {nil, nil},
		"the store":                 {s, store.Recent(s)},
		"a decorator":               {decorator{s}, store.Recent(s)},
		"two decorators":            {decorator{decorator{s}}, store.Recent(s)},
		"what is no decorator":      {wall{s}, nil},
		"a decorator of that":       {decorator{wall{s}}, nil},
		"one that has it itself":    {own, store.Recent(own)},
		"a decorator of that one":   {decorator{own}, store.Recent(own)},
		"a gate":                    {pass, true},
		"a decorator of a gate":     {decorator{pass}, true},
		"a gate of a decorator":     {gate.New(decorator{s}, gate.Owners), true},
		"two gates":                 {gate.New(pass, gate.Owners), true},
		"a gate of what has none":   {gate.New(wall{s}, gate.Owners), nil},
		"a decorator of such a one": {decorator{gate.New(wall{s}, gate.Owners)}, nil},
	} {
		part, ok := store.Find[store.Recent](c.mail)
		if ok != (c.found != nil) || ok != (part != nil) {
			t.Errorf("%s: found %v, %v", what, part, ok)
		}
		if want, is := c.found.(store.Recent); is && part != want {
			t.Errorf("%s: found %T, want %T", what, part, want)
		}
		if c.found == true {
			if part == store.Recent(s) {
				t.Errorf("%s: what is behind the gate was found", what)
			}
			_, err := part.RecentFrom(context.Background(), store.ActorOf(2), store.Ref{Account: 1, Mailbox: 1})
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: somebody else is told: %v", what, err)
			}
		}
	}
	inner := withUnheardOf{decorator{s}}
	if _, ok := store.Find[unheardOf](decorator{inner}); !ok {
		t.Error("a part is not found through a decorator")
	}
	if _, ok := store.Find[unheardOf](gate.New(inner, gate.Owners)); ok {
		t.Error("a part that the gate does not know passes through it")
	}
}
