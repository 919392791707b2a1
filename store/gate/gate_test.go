package gate_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/gate"
	"restante/store/memstore"
)

// world is a store with two users behind a gate.
type world struct {
	t        *testing.T
	store    *memstore.Store
	ann, bob store.AccountID
	inbox    store.Ref // ann's, with two messages, \Deleted
	box      store.Ref // ann's, with one
	own      store.Ref // bob's INBOX
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: memstore.New()}
	t.Cleanup(func() { w.store.Close() })
	for _, name := range []string{"ann", "bob"} {
		u, err := w.store.CreateUser(t.Context(), name, nil)
		w.must(err)
		e, _ := w.names(u.ID).Lookup("INBOX")
		ref := store.Ref{Account: u.ID, Mailbox: e.ID}
		if name == "ann" {
			w.ann, w.inbox = u.ID, ref
		} else {
			w.bob, w.own = u.ID, ref
		}
	}
	w.box = store.Ref{Account: w.ann, Mailbox: 77}
	w.commit(&store.Create{Account: w.ann, ID: 77, Name: "box"},
		&store.Append{Mailbox: w.inbox, Messages: []store.NewMessage{w.message(imap.Deleted), w.message(imap.Deleted)}},
		&store.Append{Mailbox: w.box, Messages: []store.NewMessage{w.message()}},
		&store.Append{Mailbox: w.own, Messages: []store.NewMessage{w.message()}})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit(ops ...store.Op) {
	w.t.Helper()
	_, err := w.store.Commit(w.t.Context(), store.System, ops...)
	w.must(err)
}

func (w *world) message(flags ...imap.Flag) store.NewMessage {
	w.t.Helper()
	s, err := w.store.Stage(w.t.Context(), store.System, w.ann, strings.NewReader("Subject: x\r\n\r\nx\r\n"))
	w.must(err)
	return store.NewMessage{Body: s, Flags: flags}
}

func (w *world) names(id store.AccountID) *mailbox.Namespace {
	w.t.Helper()
	a, err := w.store.Account(w.t.Context(), store.System, id)
	w.must(err)
	defer a.Close()
	return a.Namespace()
}

// snapshot tells all that there is.
func (w *world) snapshot() string {
	w.t.Helper()
	var out strings.Builder
	for _, id := range []store.AccountID{w.ann, w.bob} {
		n := w.names(id)
		fmt.Fprintf(&out, "%d: %q %v\n", id, slices.Collect(n.Subscribed()), n.Quota())
		for of, m := range n.AllMetadata() {
			fmt.Fprintf(&out, "  %d %+v\n", of, m)
		}
		for e := range n.All() {
			ref := store.Ref{Account: id, Mailbox: e.ID}
			c, err := w.store.Status(w.t.Context(), store.System, ref)
			w.must(err)
			from, err := w.store.RecentFrom(w.t.Context(), store.System, ref)
			w.must(err)
			fmt.Fprintf(&out, "  %+v %+v %d\n", e, c, from)
		}
	}
	return out.String()
}

// newGate returns a gate through which everything can be done that there are rights for.
func newGate(mail store.Mail, policy gate.Policy) *gate.Gate {
	g := gate.New(mail, policy)
	g.AllowSetQuota()
	return g
}

// Limits are set by the server, unless the gate is told otherwise.
func TestSetQuota(t *testing.T) {
	w := newWorld(t)
	g := gate.New(w.store, gate.Owners)
	op := &store.SetQuota{Account: w.ann, Quota: mailbox.Quota{imap.QuotaMessage: 7}}
	for actor, want := range map[store.Actor]error{store.ActorOf(w.ann): store.ErrForbidden, store.ActorOf(w.bob): store.ErrNotFound, {}: store.ErrNotFound, store.System: nil} {
		before := w.snapshot()
		if _, err := g.Commit(t.Context(), actor, op); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", actor, err, want)
		}
		if want != nil && w.snapshot() != before {
			t.Errorf("%+v has changed something", actor)
		}
	}
	if got := w.names(w.ann).Quota(); got[imap.QuotaMessage] != 7 {
		t.Errorf("the limits are %v", got)
	}
}

// operation is an operation on ann's mail, or on mailboxes that are not there, with the rights
// that it takes.
type operation struct {
	op   store.Op
	need gate.Rights
	on   store.Ref // the mailbox whose rights these are, zero for names
}

// operations are operations of every type, in accounts and mailboxes that can be chosen.
func (w *world) operations(id store.AccountID, inbox, box store.Ref) map[string][]operation {
	first := imap.UIDs(1)
	flags := func(op imap.StoreOp, need gate.Rights, flags ...imap.Flag) operation {
		return operation{&store.StoreFlags{Mailbox: inbox, UIDs: first, Op: op, Flags: flags}, gate.Read | need, inbox}
	}
	appended := func(need gate.Rights, flags ...imap.Flag) operation {
		return operation{&store.Append{Mailbox: inbox, Messages: []store.NewMessage{w.message(flags...)}}, gate.Insert | need, inbox}
	}
	return map[string][]operation{
		"Append": {appended(0), appended(gate.KeepSeen, imap.Seen), appended(gate.DeleteMessages, `\deleted`),
			appended(gate.Write, "k"), appended(gate.Write|gate.KeepSeen, imap.Seen, imap.Flagged),
			{&store.Append{Mailbox: inbox}, gate.Insert, inbox}},
		"StoreFlags": {flags(imap.StoreAdd, gate.KeepSeen, imap.Seen), flags(imap.StoreAdd, gate.Write, imap.Draft),
			flags(imap.StoreRemove, gate.DeleteMessages, imap.Deleted), flags(imap.StoreAdd, gate.Write, "new"),
			flags(imap.StoreSet, gate.KeepSeen|gate.Write|gate.DeleteMessages), flags(imap.StoreSet, gate.KeepSeen|gate.Write|gate.DeleteMessages, imap.Seen)},
		"Expunge": {{&store.Expunge{Mailbox: inbox, UIDs: first}, gate.Read | gate.Expunge, inbox},
			{&store.Expunge{Mailbox: inbox, UIDs: first, Undeleted: true}, gate.Read | gate.Expunge, inbox}},
		"Copy": {{&store.Copy{From: inbox, To: w.own, UIDs: first}, gate.Read, inbox},
			{&store.Copy{From: inbox, To: w.own, UIDs: first, Move: true}, gate.Read | gate.DeleteMessages | gate.Expunge, inbox},
			{&store.Copy{From: w.own, To: box, UIDs: first}, gate.Insert, box},
			{&store.Copy{From: w.own, To: box, UIDs: first, Move: true}, gate.Insert, box}},
		"Create": {{&store.Create{Account: id, Name: "new"}, gate.CreateMailbox, store.Ref{}}},
		"Delete": {{&store.Delete{Account: id, Name: "box"}, gate.DeleteMailbox, store.Ref{}}},
		"Rename": {{&store.Rename{Account: id, From: "box", To: "new"}, gate.DeleteMailbox | gate.CreateMailbox, store.Ref{}}},
		"Subscribe": {{&store.Subscribe{Account: id, Name: "q", On: true}, gate.Administer, store.Ref{}},
			{&store.Subscribe{Account: id, Name: "q"}, gate.Administer, store.Ref{}}},
		"SetQuota": {{&store.SetQuota{Account: id, Quota: mailbox.Quota{imap.QuotaMessage: 1000}}, gate.Administer, store.Ref{}}},
		"SetMetadata": {metadata(store.Ref{Account: id}, "/private/x", gate.Administer), metadata(store.Ref{Account: id}, "/shared/x", gate.Administer),
			metadata(inbox, "/private/x", gate.Read), metadata(box, "/shared/x", gate.Read|gate.Write),
			{&store.SetMetadata{Mailbox: box, Remove: []string{"/shared/x"}}, gate.Read | gate.Write, box}},
	}
}

// metadata is a change of an entry.
func metadata(ref store.Ref, name string, need gate.Rights) operation {
	on := ref
	if ref.Mailbox == 0 {
		on = store.Ref{}
	}
	return operation{&store.SetMetadata{Mailbox: ref, Set: []mailbox.Metadata{{Name: name, Value: "x"}}}, need, on}
}

// methods are all methods of a store.Mail, on ann's mail or what is not there.
func (w *world) methods(m store.Mail, actor store.Actor, id store.AccountID, inbox, box store.Ref) map[string]func() error {
	ctx := w.t.Context()
	return map[string]func() error{
		"Account": func() error { return closed(m.Account(ctx, actor, id)) },
		"Open":    func() error { return closed(m.Open(ctx, actor, inbox)) },
		"Status":  func() error { _, err := m.Status(ctx, actor, inbox); return err },
		"Commit": func() error {
			for _, ops := range w.operations(id, inbox, box) {
				for _, op := range ops {
					if _, err := m.Commit(ctx, actor, op.op); err == nil {
						return nil
					}
				}
			}
			_, err := m.Commit(ctx, actor, &store.Expunge{Mailbox: inbox})
			return err
		},
		"Stage": func() error {
			s, err := m.Stage(ctx, actor, id, strings.NewReader("x"))
			if err == nil {
				s.Discard()
			}
			return err
		},
	}
}

// closed closes a handle, if there is one.
func closed[H interface{ Close() error }](h H, err error) error {
	if err != nil {
		return err
	}
	return h.Close()
}

// opTypes returns the names of the types in package store that are operations.
func opTypes(t *testing.T) (out []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../op.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "op" && f.Recv != nil {
			out = append(out, f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	slices.Sort(out)
	return out
}

// An operation or method that is added to package store needs a rule here, and is judged below.
func TestEverythingIsJudged(t *testing.T) {
	w := newWorld(t)
	types := opTypes(t)
	if got := slices.Sorted(maps.Keys(w.operations(w.ann, w.inbox, w.box))); len(types) == 0 || !slices.Equal(got, types) {
		t.Errorf("this test knows the operations %q, package store has %q", got, types)
	}
	var methods []string
	for m := range reflect.TypeFor[store.Mail]().Methods() {
		methods = append(methods, m.Name)
	}
	if got := slices.Sorted(maps.Keys(w.methods(w.store, store.System, w.ann, w.inbox, w.box))); !slices.Equal(got, methods) {
		t.Errorf("this test knows the methods %q, store.Mail has %q", got, methods)
	}
	// Each type is a case of the gate's own.
	file, err := parser.ParseFile(token.NewFileSet(), "gate.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	ast.Inspect(file, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				if star, ok := e.(*ast.StarExpr); ok {
					if s, ok := star.X.(*ast.SelectorExpr); ok {
						cases = append(cases, s.Sel.Name)
					}
				}
			}
		}
		return true
	})
	if slices.Sort(cases); !slices.Equal(cases, types) {
		t.Errorf("the gate knows the operations %q, package store has %q", cases, types)
	}
}

// odd is an operation that the gate does not know.
type odd struct{ store.Op }

func TestUnknownOperation(t *testing.T) {
	w := newWorld(t)
	g := newGate(w.store, gate.Owners)
	before := w.snapshot()
	for _, op := range []store.Op{odd{&store.Delete{Account: w.ann, Name: "box"}}, nil} {
		_, err := g.Commit(t.Context(), store.System, &store.Create{Account: w.ann, Name: "new"}, op)
		var at *store.OpError
		if !errors.Is(err, store.ErrForbidden) || !errors.As(err, &at) || at.Index != 1 {
			t.Errorf("%T: %v", op, err)
		}
	}
	if after := w.snapshot(); after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}

// Everybody may do everything with their own mail, and the server with everybody's.
func TestOwnerAndSystem(t *testing.T) {
	for who, actor := range map[string]func(*world) store.Actor{
		"owner":  func(w *world) store.Actor { return store.ActorOf(w.ann) },
		"system": func(*world) store.Actor { return store.System },
	} {
		for name := range newWorld(t).methods(nil, store.Actor{}, 0, store.Ref{}, store.Ref{}) {
			w := newWorld(t)
			g := newGate(w.store, gate.Owners)
			if err := w.methods(g, actor(w), w.ann, w.inbox, w.box)[name](); err != nil {
				t.Errorf("%s: %s: %v", who, name, err)
			}
		}
		for _, name := range opTypes(t) {
			for i := range newWorld(t).operations(0, store.Ref{}, store.Ref{})[name] {
				w := newWorld(t)
				op := w.operations(w.ann, w.inbox, w.box)[name][i]
				if c, ok := op.op.(*store.Copy); ok && who == "owner" { // bob's mailbox is not ann's
					if c.From == w.own {
						c.From = w.inbox
					} else {
						c.To = w.box
					}
				}
				if _, err := newGate(w.store, gate.Owners).Commit(t.Context(), actor(w), op.op); err != nil {
					t.Errorf("%s: %s %+v: %v", who, name, op.op, err)
				}
			}
		}
	}
}

// Somebody else, and nobody, is told that nothing is there, in the same words as when nothing is;
// and nothing changes.
func TestOthers(t *testing.T) {
	w := newWorld(t)
	g := newGate(w.store, gate.Owners)
	recent, ok := store.Find[store.Recent](g)
	if !ok {
		t.Fatal("the gate hides Recent")
	}
	before := w.snapshot()
	type place struct {
		id         store.AccountID
		inbox, box store.Ref
	}
	there := place{w.ann, w.inbox, w.box}
	nowhere := []place{{w.ann, store.Ref{Account: w.ann, Mailbox: 4711}, store.Ref{Account: w.ann, Mailbox: 4712}},
		{4711, store.Ref{Account: 4711, Mailbox: 1}, store.Ref{Account: 4711, Mailbox: 2}}}
	check := func(what string, err error, others ...error) {
		t.Helper()
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, want %v", what, err, store.ErrNotFound)
			return
		}
		for _, other := range others {
			if other == nil || other.Error() != err.Error() {
				t.Errorf("%s: %q where there is something, %v where there is nothing", what, err, other)
			}
		}
	}
	for who, actor := range map[string]store.Actor{"bob": store.ActorOf(w.bob), "nobody": {}} {
		call := func(p place, name string) error { return w.methods(g, actor, p.id, p.inbox, p.box)[name]() }
		for name := range w.methods(g, actor, 0, store.Ref{}, store.Ref{}) {
			if name == "Stage" { // a body that is ready is no message yet
				if err := call(there, name); (err == nil) != (who == "bob") {
					t.Errorf("%s: Stage: %v", who, err)
				}
				continue
			}
			check(who+": "+name, call(there, name), call(nowhere[0], name), call(nowhere[1], name))
		}
		for name, ops := range w.operations(there.id, there.inbox, there.box) {
			for i, op := range ops {
				what := fmt.Sprintf("%s: %s %+v", who, name, op.op)
				var errs []error
				for _, p := range nowhere {
					_, err := g.Commit(t.Context(), actor, w.operations(p.id, p.inbox, p.box)[name][i].op)
					errs = append(errs, err)
				}
				out, err := g.Commit(t.Context(), actor, op.op)
				if len(out) != 0 {
					t.Errorf("%s: outcomes %+v", what, out)
				}
				check(what, err, errs...)
				// With what is allowed before it, nothing is done either, and the right one is to blame.
				if who != "bob" {
					continue
				}
				_, err = g.Commit(t.Context(), actor, &store.Create{Account: w.bob, Name: "mine"}, op.op)
				var at *store.OpError
				if !errors.As(err, &at) || at.Index != 1 || at.Ref != op.on && at.Ref != (store.Ref{}) {
					t.Errorf("%s: %#v", what, err)
				}
				check(what, err)
			}
		}
		_, err := recent.ClaimRecent(t.Context(), actor, w.inbox, 100)
		_, missing := recent.ClaimRecent(t.Context(), actor, nowhere[0].inbox, 100)
		check(who+": ClaimRecent", err, missing)
		_, err = recent.RecentFrom(t.Context(), actor, w.inbox)
		_, missing = recent.RecentFrom(t.Context(), actor, nowhere[0].inbox)
		check(who+": RecentFrom", err, missing)
		if after := w.snapshot(); after != before {
			t.Fatalf("%s: %s\nbecame\n%s", who, before, after)
		}
	}
	// Making a mailbox of one's own gives no right on one with the same ID elsewhere.
	_, err := g.Commit(t.Context(), store.ActorOf(w.bob), &store.Create{Account: w.bob, ID: w.box.Mailbox, Name: "mine"},
		&store.Expunge{Mailbox: w.box, UIDs: imap.UIDs(1), Undeleted: true})
	check("a mailbox with another's ID", err)
}

// some gives rights on ann's mailboxes.
type some gate.Rights

func (s some) Rights(_ context.Context, _ store.Actor, ref store.Ref) (gate.Rights, error) {
	if ref.Account == 1 {
		return gate.Rights(s), nil
	}
	return gate.All, nil
}

func (s some) NameRights(ctx context.Context, actor store.Actor, id store.AccountID, _ string) (gate.Rights, error) {
	return s.Rights(ctx, actor, store.Ref{Account: id})
}

// TestRights checks which rights every operation takes (RFC 4314 §4): with these it is done, with
// all but one of these it is not.
func TestRights(t *testing.T) {
	for _, name := range opTypes(t) {
		for i := range newWorld(t).operations(0, store.Ref{}, store.Ref{})[name] {
			for missing := gate.Rights(0); missing <= gate.All; missing = max(1, missing<<1) {
				for _, lookup := range []gate.Rights{0, gate.Lookup} {
					w := newWorld(t)
					if w.ann != 1 {
						t.Fatalf("ann's account is %d", w.ann)
					}
					op := w.operations(w.ann, w.inbox, w.box)[name][i]
					if missing != 0 && !op.need.Has(missing) {
						continue
					}
					before := w.snapshot()
					g := newGate(w.store, some(op.need&^missing|lookup))
					_, err := g.Commit(t.Context(), store.ActorOf(w.bob), op.op)
					var want error
					switch {
					case missing != 0 && lookup != 0:
						want = store.ErrForbidden
					case missing != 0:
						want = store.ErrNotFound
					}
					if !errors.Is(err, want) || want == nil && err != nil {
						t.Errorf("%s %+v with the rights %b instead of %b: %v, want %v", name, op.op, op.need&^missing|lookup, op.need, err, want)
					}
					if want != nil && w.snapshot() != before {
						t.Errorf("%s %+v was done without the right to it", name, op.op)
					}
				}
			}
		}
	}
	// Whoever makes a mailbox may fill it in the same commit.
	w := newWorld(t)
	g := newGate(w.store, some(gate.CreateMailbox))
	made := store.Ref{Account: w.ann, Mailbox: 5}
	ops := []store.Op{&store.Create{Account: w.ann, ID: 5, Name: "new"}, &store.Append{Mailbox: made, Messages: []store.NewMessage{w.message("k")}}}
	if _, err := g.Commit(t.Context(), store.ActorOf(w.bob), ops...); err != nil {
		t.Errorf("filling a mailbox that the commit has made: %v", err)
	}
	if _, err := g.Commit(t.Context(), store.ActorOf(w.bob), &store.Append{Mailbox: made}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("filling it later: %v", err)
	}
}

// broken is a policy that cannot be asked.
type broken struct{ error }

func (b broken) Rights(context.Context, store.Actor, store.Ref) (gate.Rights, error) {
	return gate.All, b.error
}

func (b broken) NameRights(context.Context, store.Actor, store.AccountID, string) (gate.Rights, error) {
	return gate.All, b.error
}

// A policy that fails allows nothing.
func TestPolicyFails(t *testing.T) {
	w := newWorld(t)
	errPolicy := errors.New("the policy is away")
	g := newGate(w.store, broken{errPolicy})
	before := w.snapshot()
	for name, call := range w.methods(g, store.System, w.ann, w.inbox, w.box) {
		if err := call(); name != "Stage" && !errors.Is(err, errPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ops := range w.operations(w.ann, w.inbox, w.box) {
		for _, op := range ops {
			if _, err := g.Commit(t.Context(), store.System, op.op); !errors.Is(err, errPolicy) {
				t.Errorf("%T: %v", op.op, err)
			}
		}
	}
	if after := w.snapshot(); after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}
