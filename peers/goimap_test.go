package peers

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// TestGoImap uses the client of go-imap v2, command by command.
func TestGoImap(t *testing.T) {
	s := start(t)
	expunged, exists := make(chan uint32, 16), make(chan uint32, 16)
	c, err := imapclient.DialTLS(s.IMAPSAddr, &imapclient.Options{TLSConfig: s.TLSConfig,
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Expunge: func(n uint32) { expunged <- n },
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					exists <- *d.NumMessages
				}
			},
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	check("AUTHENTICATE PLAIN", c.Authenticate(sasl.NewPlainClient("", user, password)))
	check("NOOP", c.Noop().Wait())
	ns, err := c.Namespace().Wait()
	if check("NAMESPACE", err); len(ns.Personal) != 1 || ns.Personal[0].Delim != '/' {
		t.Errorf("NAMESPACE is %+v", ns)
	}
	check("CREATE", c.Create("Entwürfe", nil).Wait())
	check("CREATE", c.Create("old", nil).Wait())
	check("RENAME", c.Rename("old", "new", nil).Wait())
	check("SUBSCRIBE", c.Subscribe("new").Wait())
	list, err := c.List("", "*", &goimap.ListOptions{ReturnStatus: &goimap.StatusOptions{NumMessages: true}, ReturnSubscribed: true}).Collect()
	check("LIST", err)
	i := slices.IndexFunc(list, func(d *goimap.ListData) bool { return d.Mailbox == "Entwürfe" })
	if i < 0 || list[i].Status == nil || *list[i].Status.NumMessages != 0 {
		for _, d := range list {
			t.Logf("%+v", d)
		}
		t.Fatal("LIST is wrong")
	}
	msg := []byte(message("sent by go-imap"))
	var last goimap.UID
	for range 3 {
		cmd := c.Append("new", int64(len(msg)), &goimap.AppendOptions{Flags: []goimap.Flag{goimap.FlagFlagged}, Time: time.Unix(1795428000, 0)})
		_, err := cmd.Write(msg)
		check("APPEND", err)
		check("APPEND", cmd.Close())
		data, err := cmd.Wait()
		check("APPEND", err)
		if data.UID <= last {
			t.Errorf("APPENDUID %d after %d", data.UID, last)
		}
		last = data.UID
	}
	status, err := c.Status("new", &goimap.StatusOptions{NumMessages: true, UIDNext: true, NumUnseen: true, Size: true}).Wait()
	if check("STATUS", err); *status.NumMessages != 3 || *status.NumUnseen != 3 || *status.Size != int64(3*len(msg)) {
		t.Errorf("STATUS is %+v", status)
	}
	sel, err := c.Select("new", nil).Wait()
	if check("SELECT", err); sel.NumMessages != 3 {
		t.Errorf("SELECT is %+v", sel)
	}
	section := &goimap.FetchItemBodySection{}
	fetched, err := c.Fetch(goimap.SeqSetNum(1), &goimap.FetchOptions{UID: true, Envelope: true, Flags: true, InternalDate: true,
		BodyStructure: &goimap.FetchItemBodyStructure{Extended: true}, BodySection: []*goimap.FetchItemBodySection{section}}).Collect()
	check("FETCH", err)
	m := fetched[0]
	if !bytes.Equal(m.FindBodySection(section), msg) || m.Envelope.Subject != "sent by go-imap" || !m.InternalDate.Equal(time.Unix(1795428000, 0)) {
		t.Errorf("FETCH is %+v", m)
	}
	if st, ok := m.BodyStructure.(*goimap.BodyStructureSinglePart); !ok || st.Type != "text" && st.Type != "TEXT" || st.Text.NumLines != 3 {
		t.Errorf("BODYSTRUCTURE is %+v", m.BodyStructure)
	}
	found, err := c.UIDSearch(&goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{{Key: "Subject", Value: "GO-IMAP"}}, Body: []string{"grüße"}},
		&goimap.SearchOptions{ReturnAll: true, ReturnCount: true}).Wait()
	if check("SEARCH", err); found.Count != 3 || len(found.AllUIDs()) != 3 {
		t.Errorf("SEARCH found %+v", found)
	}
	sorted, err := c.UIDSort(&imapclient.SortOptions{SearchCriteria: &goimap.SearchCriteria{},
		SortCriteria: []imapclient.SortCriterion{{Key: imapclient.SortKeySubject}, {Key: imapclient.SortKeyDate, Reverse: true}}}).Wait()
	if check("SORT", err); !slices.Equal(sorted, []uint32{1, 2, 3}) {
		t.Errorf("SORT answered %v", sorted)
	}
	threads, err := c.Thread(&imapclient.ThreadOptions{Algorithm: goimap.ThreadOrderedSubject, SearchCriteria: &goimap.SearchCriteria{}}).Wait()
	if check("THREAD", err); len(threads) != 1 || !slices.Equal(threads[0].Chain, []uint32{1}) || len(threads[0].SubThreads) != 2 {
		t.Errorf("THREAD answered %+v", threads)
	}
	stored, err := c.Store(goimap.SeqSetNum(2), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{"$Work", goimap.FlagDeleted}}, nil).Collect()
	if check("STORE", err); len(stored) != 1 || !slices.Contains(stored[0].Flags, "$Work") {
		t.Errorf("STORE answered %+v", stored)
	}
	copied, err := c.Copy(goimap.SeqSetNum(1, 3), "Entwürfe").Wait()
	if check("COPY", err); copied.DestUIDs.String() != "1:2" {
		t.Errorf("COPYUID is %+v", copied)
	}
	gone, err := c.Expunge().Collect()
	if check("EXPUNGE", err); !slices.Equal(gone, []uint32{2}) {
		t.Errorf("EXPUNGE answered %v", gone)
	}
	moved, err := c.Move(goimap.UIDSetNum(last), "Entwürfe").Wait()
	if check("MOVE", err); moved.DestUIDs.String() != "3" {
		t.Errorf("MOVE answered %+v", moved)
	}
	idleHears(t, c, s.IMAPSAddr, exists, func(second *imapclient.Client) {
		cmd := second.Append("new", int64(len(msg)), nil)
		io.Copy(cmd, bytes.NewReader(msg))
		cmd.Close()
		_, err := cmd.Wait()
		check("APPEND by another", err)
	}, imapclient.Options{TLSConfig: s.TLSConfig})
	check("UNSELECT", c.Unselect().Wait())
	check("DELETE", c.Delete("new").Wait())
	check("LOGOUT", c.Logout().Wait())
}

// idleHears checks that a client in IDLE is told of what another does.
func idleHears(t *testing.T, c *imapclient.Client, addr string, exists <-chan uint32, act func(*imapclient.Client), o imapclient.Options) {
	t.Helper()
	second, err := imapclient.DialTLS(addr, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Login(user, password).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	act(second)
	select {
	case <-exists:
	case <-time.After(5 * time.Second):
		t.Error("IDLE does not hear of new mail")
	}
	if err := errorsOf(idle.Close(), idle.Wait()); err != nil {
		t.Errorf("IDLE: %v", err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
