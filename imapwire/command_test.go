package imapwire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"restante/imap"
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func uids(s string) imap.UIDSet {
	set, err := imap.ParseUIDSet(s)
	if err != nil {
		panic(err)
	}
	return set
}

func seqs(s string) imap.SeqSet {
	set, err := imap.ParseSeqSet(s)
	if err != nil {
		panic(err)
	}
	return set
}

func ptr[T any](x T) *T { return &x }

// In rev1 mode unless the name starts with "rev2 ".
var goodCommands = []struct {
	in   string
	want Command
}{
	{"CAPABILITY", &Capability{}},
	{"noop", &Noop{}},
	{"Logout", &Logout{}},
	{"STARTTLS", &StartTLS{}},
	{"NAMESPACE", &Namespace{}},
	{"IDLE", &Idle{}},
	{`GETMETADATA "" /shared/comment`, &GetMetadata{Entries: []string{"/shared/comment"}}},
	{`GETMETADATA (depth INFINITY maxsize 10) inbox (/a "/b c")`, &GetMetadata{Mailbox: "INBOX", Entries: []string{"/a", "/b c"}, Depth: DepthInfinity, MaxSize: ptr(int64(10))}},
	{`GETQUOTA "#user/alice"`, &GetQuota{Root: "#user/alice"}},
	{`getquota ""`, &GetQuota{}},
	{`GETQUOTAROOT inbox`, &GetQuotaRoot{Mailbox: "INBOX"}},
	{`SETQUOTA "" (storage 510 X 9223372036854775807)`, &SetQuota{Limits: []QuotaLimit{{imap.QuotaStorage, 510}, {"X", 1<<63 - 1}}}},
	{`SETQUOTA root ()`, &SetQuota{Root: "root"}},
	{`GETMETADATA INBOX (DEPTH 1) /a`, &GetMetadata{Mailbox: "INBOX", Entries: []string{"/a"}, Depth: DepthOne}},
	{`GETMETADATA (DEPTH 0) INBOX (/a)`, &GetMetadata{Mailbox: "INBOX", Entries: []string{"/a"}}},
	{"SETMETADATA \"\" (/a NIL /b \"nil\" /c {2}\r\n\r\n /d ~{3}\r\n\x00\xff) /e \"\")", &SetMetadata{Entries: []imap.MetadataEntry{
		{Name: "/a"}, {Name: "/b", Value: ptr("nil")}, {Name: "/c", Value: ptr("\r\n")}, {Name: "/d", Value: ptr("\x00\xff)")}, {Name: "/e", Value: ptr("")}}}},
	{`LIST "" * RETURN (METADATA (/a /b) CHILDREN)`, &List{Patterns: []string{"*"}, Extended: true, Return: ListReturn{Children: true},
		ReturnOptions: []Option{&ListMetadata{[]string{"/a", "/b"}}}}},
	{"NOTIFY none", &Notify{}},
	{`notify set status (Selected (MessageNew (uid flags) MessageExpunge)) (subtree ("a b" c) NONE) (mailboxes inbox (x-new))`, &Notify{Status: true, Groups: []NotifyGroup{
		{Filter: NotifySelected, Events: []NotifyEvent{{"MESSAGENEW", []imap.FetchItem{imap.FetchUID, imap.FetchFlags}}, {Name: "MESSAGEEXPUNGE"}}},
		{Filter: NotifySubtree, Mailboxes: []string{"a b", "c"}},
		{Filter: NotifyMailboxes, Mailboxes: []string{"INBOX"}, Events: []NotifyEvent{{Name: "X-NEW"}}}}}},
	{`NOTIFY SET (selected-delayed NONE) (inboxes (MailboxName))`, &Notify{Groups: []NotifyGroup{
		{Filter: NotifySelectedDelayed}, {Filter: NotifyInboxes, Events: []NotifyEvent{{Name: "MAILBOXNAME"}}}}}},
	{"CHECK", &Check{}},
	{"CLOSE", &Close{}},
	{"UNSELECT", &Unselect{}},
	{"UNAUTHENTICATE", &Unauthenticate{}},
	{"COMPRESS deflate", &Compress{Algorithm: "DEFLATE"}},
	{"EXPUNGE", &Expunge{}},
	{"UID EXPUNGE 3000:3002", &Expunge{UID: true, Set: uids("3000:3002")}},
	{"uid expunge $", &Expunge{UID: true, Set: imap.SearchResult{UID: true}}},

	{"AUTHENTICATE plain", &Authenticate{Mechanism: "PLAIN"}},
	{"AUTHENTICATE PLAIN =", &Authenticate{Mechanism: "PLAIN", HasInitial: true}},
	{"AUTHENTICATE PLAIN AGFubgBwdw==", &Authenticate{Mechanism: "PLAIN", HasInitial: true, Initial: []byte("\x00ann\x00pw")}},
	{"AUTHENTICATE SCRAM-SHA-256 YWJj", &Authenticate{Mechanism: "SCRAM-SHA-256", HasInitial: true, Initial: []byte("abc")}},

	{"LOGIN ann secret", &Login{"ann", "secret"}},
	{`LOGIN "a \"b\" \\c" ""`, &Login{`a "b" \c`, ""}},
	{"LOGIN {3}\r\nann {6+}\r\nse\r\nc\xff", &Login{"ann", "se\r\nc\xff"}},
	{"LOGIN {3}\nann ]}~", &Login{"ann", "]}~"}},
	{`LOGIN "jürgen" "pässword"`, &Login{"jürgen", "pässword"}},
	{"LOGIN NIL NIL", &Login{"NIL", "NIL"}},

	{"ENABLE CONDSTORE x-GOOD", &Enable{[]imap.Cap{"CONDSTORE", "x-GOOD"}}},
	{"ENABLE UTF8=ACCEPT", &Enable{[]imap.Cap{"UTF8=ACCEPT"}}},

	{"SELECT inbox", &Select{Mailbox: "INBOX"}},
	{"SELECT inbox/x", &Select{Mailbox: "INBOX/x"}},
	{"SELECT inboxes/x", &Select{Mailbox: "inboxes/x"}},
	{"SELECT a/inbox", &Select{Mailbox: "a/inbox"}},
	{"SELECT a&b", &Select{Mailbox: undecoded + "a&b"}},
	{"SELECT &AGE-", &Select{Mailbox: undecoded + "&AGE-"}},
	{"SELECT {4}\r\nK\xf6ln", &Select{Mailbox: undecoded + "K\xf6ln"}},
	{"rev2 SELECT {4}\r\nK\xf6ln", &Select{Mailbox: undecoded + "K\xf6ln"}},
	{"SELECT \"Köln\"", &Select{Mailbox: "Köln"}},
	{"SELECT \"Köln &- Bonn\"", &Select{Mailbox: "Köln & Bonn"}},
	{"SELECT \"Köln & Bonn\"", &Select{Mailbox: "Köln & Bonn"}},
	{"rev2 SELECT \"Köln &- Bonn\"", &Select{Mailbox: "Köln &- Bonn"}},
	{`EXAMINE "Sent Mail"`, &Select{Mailbox: "Sent Mail", Examine: true}},
	{"SELECT ~peter/mail/&U,BTFw-/&ZeVnLIqe-", &Select{Mailbox: "~peter/mail/台北/日本語"}},
	{"SELECT {4}\r\na&-b", &Select{Mailbox: "a&b"}},
	{"SELECT x (condstore)", &Select{Mailbox: "x", Params: []Option{CondStore{}}}},
	{"SELECT x (CONDSTORE QRESYNC (67890007 20050715194045000 41,43:211 (1,2 3,4)) X 1:*)",
		&Select{Mailbox: "x", Params: []Option{CondStore{},
			&QResync{67890007, 20050715194045000, uids("41,43:211"), seqs("1,2"), uids("3,4")}, &RawOption{"X", "1:*"}}}},
	{"SELECT x (QRESYNC (1 2))", &Select{Mailbox: "x", Params: []Option{&QResync{UIDValidity: 1, ModSeq: 2}}}},
	{"SELECT x (qresync (1 2 (1:3 4:5,7)))", &Select{Mailbox: "x", Params: []Option{
		&QResync{UIDValidity: 1, ModSeq: 2, MatchSeqs: seqs("1:3"), MatchUIDs: uids("4:5,7")}}}},
	{"FETCH 1 (MODSEQ)", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.FetchModSeq}}},
	{"UID FETCH 1:* FLAGS (CHANGEDSINCE 12345 VANISHED)", &Fetch{UID: true, Set: uids("1:*"), Items: []imap.FetchItem{imap.FetchFlags},
		Modifiers: []Option{&ChangedSince{12345}, Vanished{}}}},
	{"STORE 1 (UNCHANGEDSINCE 0) FLAGS ()", &Store{Set: seqs("1"), Modifiers: []Option{&UnchangedSince{0}}}},
	{"SEARCH MODSEQ 620162338", &Search{Key: imap.SearchKey{Op: imap.SearchModSeq, ModSeq: 620162338}}},
	{`SEARCH MODSEQ "/flags/\\draft" all 9223372036854775807`, &Search{Key: imap.SearchKey{Op: imap.SearchModSeq,
		Name: `/flags/\draft`, Text: "ALL", ModSeq: 1<<63 - 1}}},
	{"rev2 SELECT \"日本語\"", &Select{Mailbox: "日本語"}},
	{"rev2 SELECT a&b", &Select{Mailbox: "a&b"}},
	{"rev2 SELECT {6}\r\n台北", &Select{Mailbox: "台北"}},

	{"CREATE owatagusiam/", &Create{Mailbox: "owatagusiam/"}},
	{`CREATE MyDrafts (USE (\Drafts \Sent))`, &Create{Mailbox: "MyDrafts", Use: []imap.MailboxAttr{`\Drafts`, `\Sent`}}},
	{`CREATE x (use ())`, &Create{Mailbox: "x"}},
	{"DELETE x", &Delete{"x"}},
	{"RENAME iNBOX old-mail", &Rename{"INBOX", "old-mail"}},
	{"SUBSCRIBE #news.comp.mail.mime", &Subscribe{"#news.comp.mail.mime"}},
	{"UNSUBSCRIBE a]", &Unsubscribe{"a]"}},

	{`LIST "" *`, &List{Patterns: []string{"*"}}},
	{`LIST ~/Mail/ %`, &List{Ref: "~/Mail/", Patterns: []string{"%"}}},
	{`LIST "" ""`, &List{Patterns: []string{""}}},
	{`LIST "" "a b/%"`, &List{Patterns: []string{"a b/%"}}},
	{`LIST "" &AOk-*`, &List{Patterns: []string{"é*"}}},
	{`LIST "" a&*`, &List{Patterns: []string{undecoded + "a&*"}}},
	{"LIST inbox/ \"é&-%\"", &List{Ref: "INBOX/", Patterns: []string{"é&%"}}},
	{`LIST "" (foo "b*")`, &List{Patterns: []string{"foo", "b*"}, Extended: true}},
	{`LIST () "" x`, &List{Patterns: []string{"x"}, Extended: true}},
	{`LIST "" x RETURN ()`, &List{Patterns: []string{"x"}, Extended: true}},
	{`LIST (REMOTE subscribed RECURSIVEMATCH SPECIAL-USE) "" (a b) RETURN (CHILDREN STATUS (MESSAGES SIZE) SUBSCRIBED SPECIAL-USE)`,
		&List{Patterns: []string{"a", "b"}, Extended: true, Select: ListSelect{true, true, true, true},
			Return: ListReturn{true, true, true, imap.StatusMessages | imap.StatusSize}}},
	{`LSUB "#news." "comp.mail.*"`, &LSub{"#news.", "comp.mail.*"}},

	{"STATUS blurdybloop (UIDNEXT MESSAGES)", &Status{"blurdybloop", imap.StatusUIDNext | imap.StatusMessages}},
	{"STATUS x (recent unseen uidvalidity deleted size highestmodseq)", &Status{"x", imap.StatusRecent | imap.StatusUnseen |
		imap.StatusUIDValidity | imap.StatusDeleted | imap.StatusSize | imap.StatusHighestModSeq}},

	{"APPEND saved-messages (\\seen $Junk) {326}", &Append{Mailbox: "saved-messages", Flags: []imap.Flag{imap.Seen, imap.Junk}, Size: 326}},
	{`APPEND x "3-Feb-2001 04:05:06 +0000" {1}`, &Append{Mailbox: "x", Size: 1, Date: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)}},
	{"APPEND {5+}\r\ninbox \"17-Jul-1996 02:44:25 -0700\" ~{0+}\r\n", &Append{Mailbox: "INBOX", Binary: true, NonSync: true,
		Date: time.Date(1996, 7, 17, 2, 44, 25, 0, time.FixedZone("", -7*3600))}},
	{"APPEND x () \" 1-Jan-2026 10:00:60 +0000\" {9223372036854775807}", &Append{Mailbox: "x", Size: 1<<63 - 1,
		Date: time.Date(2026, 1, 1, 10, 0, 59, 0, time.UTC)}},
	{"APPEND x (\\Seen) UTF8 (~{5}", &Append{Mailbox: "x", Flags: []imap.Flag{imap.Seen}, Size: 5, Binary: true, UTF8: true}},

	{`APPEND x CATENATE (URL "/a/;UID=1" TEXT {5}`, &Append{Mailbox: "x", Size: 5,
		Catenate: &Catenate{URLs: []string{"/a/;UID=1"}, Announced: CatText}}},
	{`APPEND x (\Draft) CATENATE (UTF8 (~{5}`, &Append{Mailbox: "x", Flags: []imap.Flag{imap.Draft}, Size: 5, Binary: true, UTF8: true,
		Catenate: &Catenate{Announced: CatText}}},
	{`APPEND x CATENATE (URL {12}`, &Append{Mailbox: "x", Size: 12, Catenate: &Catenate{Announced: CatURL}}},
	{`APPEND x CATENATE (URL /a/;UID=1 URL /a/;UID=2) (\Seen) CATENATE (URL /b) ~{3}`, &Append{Mailbox: "x",
		Catenate: &Catenate{URLs: []string{"/a/;UID=1", "/a/;UID=2"}},
		Next: &Append{Mailbox: "x", Flags: []imap.Flag{imap.Seen}, Catenate: &Catenate{URLs: []string{"/b"}},
			Next: &Append{Mailbox: "x", Size: 3, Binary: true}}}},

	{"REPLACE 4 Drafts (\\Seen) {312}", &Replace{Set: seqs("4"), Append: Append{Mailbox: "Drafts", Flags: []imap.Flag{imap.Seen}, Size: 312}}},
	{"UID REPLACE * x ~{1}", &Replace{UID: true, Set: uids("*"), Append: Append{Mailbox: "x", Size: 1, Binary: true}}},
	{`UID REPLACE 3002 Drafts CATENATE (URL "/Drafts/;UID=3002")`, &Replace{UID: true, Set: uids("3002"),
		Append: Append{Mailbox: "Drafts", Catenate: &Catenate{URLs: []string{"/Drafts/;UID=3002"}}}}},

	{"COPY 2:4 MEETING", &Copy{Set: seqs("2:4"), Mailbox: "MEETING"}},
	{"UID COPY 5,1:3,* inbox", &Copy{UID: true, Set: uids("1:3,5,*"), Mailbox: "INBOX"}},
	{"COPY $ x", &Copy{Set: imap.SearchResult{}, Mailbox: "x"}},
	{"MOVE 2:4 MEETING", &Move{Set: seqs("2:4"), Mailbox: "MEETING"}},
	{"uid move $ x", &Move{UID: true, Set: imap.SearchResult{UID: true}, Mailbox: "x"}},

	{`STORE 2:4 +FLAGS (\Deleted)`, &Store{Set: seqs("2:4"), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Deleted}}},
	{`UID STORE 1 -flags.silent \DELETED foo`, &Store{UID: true, Set: uids("1"), Op: imap.StoreRemove, Silent: true, Flags: []imap.Flag{imap.Deleted, "foo"}}},
	{`STORE 1:* FLAGS ()`, &Store{Set: seqs("1:*")}},

	{"FETCH 1 ALL", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope}}},
	{"FETCH 1 fast", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.FetchFlags, imap.FetchDate, imap.FetchSize}}},
	{"FETCH 1 FULL", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope, imap.FetchBody}}},
	{"UID FETCH 1:* (UID BODYSTRUCTURE rfc822 RFC822.HEADER RFC822.TEXT)", &Fetch{UID: true, Set: uids("1:*"),
		Items: []imap.FetchItem{imap.FetchUID, imap.FetchStructure, {Name: "RFC822"}, {Name: "RFC822.HEADER"}, {Name: "RFC822.TEXT"}}}},
	{"FETCH 1 BODY[]", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.RFC822}}},
	{"FETCH 1 body.peek[header]<0.100>", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.Headers.WithPartial(0, 100)}}},
	{`FETCH 1 (BODY[1.2.HEADER.FIELDS.NOT (To "From")] BODY[4.MIME] BODY[3.TEXT] BODY[2])`, &Fetch{Set: seqs("1"), Items: []imap.FetchItem{
		{Name: "BODY", Section: &imap.Section{Part: []uint32{1, 2}, Text: "HEADER.FIELDS.NOT", Fields: []string{"To", "From"}}},
		{Name: "BODY", Section: &imap.Section{Part: []uint32{4}, Text: "MIME"}},
		{Name: "BODY", Section: &imap.Section{Part: []uint32{3}, Text: "TEXT"}},
		{Name: "BODY", Section: &imap.Section{Part: []uint32{2}}},
	}}},
	{"FETCH 1 (BINARY[1]<5.6> BINARY.PEEK[] BINARY.SIZE[1.2])", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{
		{Name: "BINARY", Section: &imap.Section{Part: []uint32{1}}, Partial: &imap.Partial{Offset: 5, Count: 6}},
		{Name: "BINARY", Peek: true, Section: &imap.Section{}},
		{Name: "BINARY.SIZE", Section: &imap.Section{Part: []uint32{1, 2}}},
	}}},

	{"SEARCH ALL", &Search{Key: imap.All}},
	{"SEARCH OLDER 4294967295 younger 1", &Search{Key: imap.And(imap.SearchKey{Op: imap.SearchOlder, Size: 1<<32 - 1}, imap.SearchKey{Op: imap.SearchYounger, Size: 1})}},
	{"SEARCH SAVEDATESUPPORTED", &Search{Key: imap.SearchKey{Op: imap.SearchSaveDateSupported}}},
	{"SEARCH SAVEDON 1-Jan-2026", &Search{Key: imap.SearchKey{Op: imap.SearchSavedOn, Date: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}},
	{"SEARCH RETURN (MIN PARTIAL -1:-100) ALL", &Search{Return: &SearchReturn{Min: true}, ReturnOptions: []Option{&Partial{1, 100, true}}, Key: imap.All}},
	{"UID FETCH 1:* FLAGS (PARTIAL 500:4)", &Fetch{UID: true, Set: uids("1:*"), Items: []imap.FetchItem{imap.FetchFlags}, Modifiers: []Option{&Partial{500, 4, false}}}},
	{"FETCH 1 SAVEDATE", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{{Name: "SAVEDATE"}}}},
	{`SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"`, &Search{Key: imap.And(imap.HasFlag(imap.Flagged),
		imap.Since(date(1994, 2, 1)), imap.Not(imap.From("Smith")))}},
	{"SEARCH CHARSET UTF-8 TEXT {6}\r\nмат", &Search{Charset: "UTF-8", Key: imap.Text("мат")}},
	{"UID SEARCH RETURN (SAVE min MAX ALL COUNT) CHARSET \"KOI8-R\" (OR $ 1,3000:3021) TEXT {4}\r\n\xc1\xc2\xc3\xc4",
		&Search{UID: true, Return: &SearchReturn{true, true, true, true, true}, Charset: "KOI8-R",
			Key: imap.And(imap.Or(imap.InSet(imap.SearchResult{}), imap.InSet(seqs("1,3000:3021"))), imap.Text("\xc1\xc2\xc3\xc4"))}},
	{"SEARCH RETURN () (SEEN)", &Search{Return: &SearchReturn{}, Key: imap.HasFlag(imap.Seen)}},
	{"SEARCH ((SEEN (ANSWERED) UID 1:*))", &Search{Key: imap.And(imap.HasFlag(imap.Seen), imap.HasFlag(imap.Answered), imap.InSet(uids("1:*")))}},
	{"SEARCH UID $", &Search{Key: imap.SearchKey{Op: imap.SearchUID, Set: imap.SearchResult{UID: true}}}},
	{`SEARCH HEADER X-Spam "" LARGER 5000000000 SMALLER 7 KEYWORD $Junk UNKEYWORD x BEFORE "01-jan-2026" SENTON 29-Feb-2024 NEW OLD RECENT`,
		&Search{Key: imap.And(imap.Header("X-Spam", ""), imap.Larger(5000000000), imap.Smaller(7), imap.HasFlag(imap.Junk),
			imap.SearchKey{Op: imap.SearchUnkeyword, Flag: "x"}, imap.Before(date(2026, 1, 1)),
			imap.SearchKey{Op: imap.SearchSentOn, Date: date(2024, 2, 29)}, imap.SearchKey{Op: imap.SearchNew},
			imap.SearchKey{Op: imap.SearchOld}, imap.SearchKey{Op: imap.SearchRecent})}},
	{"SEARCH SUBJECT 3 7", &Search{Key: imap.And(imap.Subject("3"), imap.InSet(seqs("7")))}},

	{"SORT (SUBJECT reverse DATE) utf-8 ALL", &Sort{Search: Search{Charset: "utf-8", Key: imap.All},
		Criteria: []imap.SortCriterion{{Key: imap.SortSubject}, {Key: imap.SortDate, Reverse: true}}}},
	{"UID SORT RETURN (MIN COUNT) (DISPLAYFROM) \"US-ASCII\" SEEN FLAGGED", &Sort{Search: Search{UID: true, Charset: "US-ASCII",
		Return: &SearchReturn{Min: true, Count: true}, Key: imap.And(imap.HasFlag(imap.Seen), imap.HasFlag(imap.Flagged))},
		Criteria: []imap.SortCriterion{{Key: imap.SortDisplayFrom}}}},
	{"THREAD references UTF-8 UID 1:*", &Thread{Algorithm: imap.ThreadReferences, Charset: "UTF-8", Key: imap.InSet(uids("1:*"))}},
	{"UID THREAD REFS UTF-8 ALL", &Thread{UID: true, Algorithm: imap.ThreadRefs, Charset: "UTF-8", Key: imap.All}},
	{"FETCH 1 (PREVIEW PREVIEW (lazy))", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{{Name: "PREVIEW"}, {Name: "PREVIEW (LAZY)"}}}},
	{"FETCH 1 PREVIEW (LAZY LAZY)", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{{Name: "PREVIEW (LAZY)"}}}},

	{"UID SEARCH RETURN (update CONTEXT) ALL", &Search{UID: true, Return: &SearchReturn{}, ReturnOptions: []Option{&Update{}, &Context{}}, Key: imap.All}},
	{"SEARCH RETURN (COUNT UPDATE (UID FLAGS)) ALL", &Search{Return: &SearchReturn{Count: true},
		ReturnOptions: []Option{&Update{Items: []imap.FetchItem{imap.FetchUID, imap.FetchFlags}}}, Key: imap.All}},
	{`CANCELUPDATE "a1" "b\\"`, &CancelUpdate{[]string{"a1", `b\`}}},

	{"ESEARCH UNSEEN", &MultiSearch{Search: Search{UID: true, Key: imap.Unseen()}}},
	{"rev2 ESEARCH IN (selected mailboxes \"a\" subtree-one (b c)) RETURN (COUNT) CHARSET UTF-8 ALL", &MultiSearch{
		Search:  Search{UID: true, Charset: "UTF-8", Return: &SearchReturn{Count: true}, Key: imap.All},
		Sources: []SearchSource{{Kind: imap.SourceSelected}, {imap.SourceMailboxes, []string{"a"}}, {imap.SourceSubtreeOne, []string{"b", "c"}}}}},

	{"ID NIL", &ID{}},
	{"ID ()", &ID{[]imap.Param{}}},
	{`ID ("name" "x" "version" NIL)`, &ID{[]imap.Param{{Name: "name", Value: "x"}, {Name: "version"}}}},
}

func TestParseCommand(t *testing.T) {
	for _, c := range goodCommands {
		in, rev2 := strings.CutPrefix(c.in, "rev2 ")
		tag, cmd, err := ParseCommand([]byte("a1 "+in), ParseOptions{UTF8: rev2})
		if err != nil || tag != "a1" {
			t.Errorf("%q: tag %q, %v", c.in, tag, err)
			continue
		}
		if !reflect.DeepEqual(cmd, c.want) {
			t.Errorf("%q:\ngot  %#v\nwant %#v", c.in, cmd, c.want)
		}
		name := strings.ToUpper(in)
		if !strings.HasPrefix(name, cmd.Name()) {
			t.Errorf("%q: Name is %q", c.in, cmd.Name())
		}
		checkRoundTrip(t, cmd, EncoderOptions{UTF8: rev2})
	}
	seen := map[string]bool{}
	for _, c := range goodCommands {
		seen[strings.TrimPrefix(c.want.Name(), "UID ")] = true
	}
	for _, c := range commands.all {
		if !seen[c.name] {
			t.Errorf("%s has no test", c.name)
		}
	}
}

// checkRoundTrip encodes a command and parses it again.
func checkRoundTrip(t *testing.T, cmd Command, o EncoderOptions) {
	t.Helper()
	last, _ := cmd.(*Append)
	if r, ok := cmd.(*Replace); ok {
		last = &r.Append
	}
	for ; last != nil; last = last.Next {
		o.LiteralPlus = last.NonSync
	}
	e := Encoder{EncoderOptions: o}
	if err := e.Command("a1", cmd); err != nil {
		t.Errorf("%#v: %v", cmd, err)
		return
	}
	wire := string(e.Bytes())
	frame := strings.TrimSuffix(wire, "\r\n")
	if _, ok := cmd.(*Append); ok {
		frame = wire
	}
	tag, got, err := ParseCommand([]byte(frame), ParseOptions{UTF8: o.UTF8})
	if err != nil || tag != "a1" || !reflect.DeepEqual(got, cmd) {
		t.Errorf("%#v\nis sent as %q\nand read as %#v, %v", cmd, wire, got, err)
	}
	var joined string
	for _, s := range e.Segments() {
		joined += string(s)
	}
	if joined != wire {
		t.Errorf("segments of %q: %q", wire, e.Segments())
	}
}

// A "|" marks where the error must be; the frame is without it.
var badCommands = []struct{ production, in string }{
	{"notify", "a NOTIFY|"}, {"notify", "a NOTIFY |ALL"}, {"notify-set", "a NOTIFY SET|"}, {"event-group", "a NOTIFY SET |STATUSES"},
	{"notify-set", "a NOTIFY SET STATUS|"}, {"command", "a NOTIFY NONE| (selected NONE)"}, {"filter-mailboxes", "a NOTIFY SET (|other (MessageNew))"},
	{"event-group", "a NOTIFY SET (selected|)"}, {"event-group", "a NOTIFY SET (subtree a|)"}, {"mailbox", "a NOTIFY SET (subtree (|) NONE)"},
	{"events", "a NOTIFY SET (selected |MessageNew)"}, {"event", "a NOTIFY SET (selected (|))"},
	{"event", "a NOTIFY SET (personal (MessageExpunge |(UID)))"}, {"event-group", "a NOTIFY SET (personal NONE|"},
	{"tag", "|"}, {"tag", "|+"}, {"tag", "|\"a\" NOOP"}, {"tag", "a|(b NOOP"}, {"tag", "| a NOOP"},
	{"command", "a|"}, {"command", "a |"}, {"command", "a | NOOP"}, {"command", "a NOOP| "}, {"command", "a NOOP| x"},
	{"command", "a NO|\x00OP"}, {"command", "a LOGIN ann {1}\r\n|\x00"}, {"command", "a NOOP|\r"},
	{"uid", "a UID|"}, {"uid", "a UID |"},
	{"getmetadata", "a GETMETADATA|"}, {"getmetadata", "a GETMETADATA x|"}, {"getmetadata-option", "a GETMETADATA (|X 1) x /a"},
	{"scope-opt", "a GETMETADATA (DEPTH |2) x /a"}, {"maxsize-opt", "a GETMETADATA (MAXSIZE |x) x /a"}, {"entries", "a GETMETADATA x (/a|"},
	{"command", "a GETMETADATA x /a| /b"}, {"entry-values", "a SETMETADATA x |/a NIL"}, {"entry-value", "a SETMETADATA x (/a|)"},
	{"value", "a SETMETADATA x (/a |x)"}, {"value", "a SETMETADATA x (/a ~|{3}\r\nx)"},
	{"return-option", "a LIST \"\" * RETURN (METADATA|)"},

	{"authenticate", "a AUTHENTICATE|"}, {"auth-type", "a AUTHENTICATE |"}, {"initial-resp", "a AUTHENTICATE PLAIN |"},
	{"initial-resp", "a AUTHENTICATE PLAIN |abc"}, {"initial-resp", "a AUTHENTICATE PLAIN |YWJ="}, {"initial-resp", "a AUTHENTICATE PLAIN |=="},
	{"command", "a AUTHENTICATE PLAIN YWJj| x"},

	{"login", "a LOGIN|"}, {"userid", "a LOGIN |"}, {"login", "a LOGIN ann|"}, {"password", "a LOGIN ann |"},
	{"password", "a LOGIN ann |(x)"}, {"password", `a LOGIN ann "abc|`}, {"password", `a LOGIN ann "a|\b"`}, {"password", "a LOGIN ann \"a|\rb\""},
	{"password", `a LOGIN ann "|` + "\xff\""}, {"password", "a LOGIN ann |\xc3\xa4"}, {"password", "a LOGIN ann |{3}\r\nab"},
	{"password", "a LOGIN ann {|}\r\nab"}, {"password", "a LOGIN ann {3}|"}, {"password", "a LOGIN ann {|99999999999999999999}\r\n"},
	{"command", "a LOGIN ann ~|{3}\r\nabc"}, {"command", `a LOGIN "ann" "x"|"y"`},

	{"enable", "a ENABLE|"}, {"capability", "a ENABLE |"}, {"capability", "a ENABLE X |"},

	{"mailbox", "a SELECT |"}, {"mailbox", "a SELECT \"|\xe4\""},
	{"uidvalidity", "a SELECT x (QRESYNC (|0 1))"}, {"mod-sequence-value", "a SELECT x (QRESYNC (1 |0))"},
	{"known-uids", "a SELECT x (QRESYNC (1 1 |1:*))"}, {"known-uids", "a SELECT x (QRESYNC (1 1 |$))"},
	{"known-sequence-set", "a SELECT x (QRESYNC (1 1 (|2,1 3,4)))"}, {"known-uid-set", "a SELECT x (QRESYNC (1 1 (1,2 |4:3)))"},
	{"known-uid-set", "a SELECT x (QRESYNC (1 1 (1,2 |3:5)))"}, {"select-param", "a SELECT x (QRESYNC |1 1)"},
	{"mod-sequence-valzer", "a FETCH 1 FLAGS (CHANGEDSINCE |9223372036854775808)"}, {"mod-sequence-valzer", "a STORE 1 (UNCHANGEDSINCE |)"},
	{"entry-name", `a SEARCH MODSEQ |"/x/y" all 1`}, {"entry-type-req", `a SEARCH MODSEQ "/flags/y" |some 1`},
	{"select-params", "a SELECT x |CONDSTORE"}, {"select-param", "a SELECT x (|)"}, {"select-params", "a SELECT x (A 1|"},
	{"select-param", "a SELECT x (A (1|"}, {"command", "a SELECT x]]|()"},

	{"create", "a CREATE|"}, {"create-param", "a CREATE x (|FOO)"}, {"use-attr", `a CREATE x (USE (|Drafts))`},
	{"create-params", `a CREATE x (USE (\Drafts)|`},
	{"mailbox", "a DELETE |%"}, {"rename", "a RENAME x|"}, {"mailbox", "a RENAME x |"}, {"subscribe", "a SUBSCRIBE|"}, {"unsubscribe", "a UNSUBSCRIBE|"},

	{"list", "a LIST|"}, {"list", `a LIST ""|`}, {"list-mailbox", `a LIST "" |`},
	{"list-select-opt", `a LIST (|FOO) "" *`}, {"list-select-opts", `a LIST |(RECURSIVEMATCH) "" *`},
	{"list-select-opts", `a LIST |(REMOTE RECURSIVEMATCH) "" *`}, {"list-mailbox", `a LIST "" (|)`},
	{"list-return-opts", `a LIST "" * |FOO ()`}, {"return-option", `a LIST "" * RETURN (|FOO)`}, {"status-att", `a LIST "" * RETURN (STATUS (|))`},
	{"lsub", "a LSUB x|"},

	{"status", "a STATUS x|"}, {"status-att", "a STATUS x (|)"}, {"status-att", "a STATUS x |MESSAGES"},
	{"status-att", "a STATUS x (MESSAGES |FOO)"}, {"status-att", "a STATUS x (MESSAGES|"},

	{"append", "a APPEND|"}, {"append-message", "a APPEND x|"}, {"append-data", "a APPEND x |"}, {"append-data", "a APPEND x |\x7f"},
	{"flag", `a APPEND x (|\Recent) {1}`}, {"date-time", `a APPEND x "|31-Feb-2026 10:00:00 +0000" {1}`},
	{"date-time", `a APPEND x " | 1-Jan-2026 10:00:00 +0000" {1}`}, {"date-time", `a APPEND x "01-|Foo-2026 10:00:00 +0000" {1}`},
	{"date-time", `a APPEND x "|01-Jan-2026 24:00:00 +0000" {1}`}, {"date-time", `a APPEND x "|01-Jan-2026 10:00:00 +2400" {1}`},
	{"date-time", `a APPEND x "01-Jan-2026 10:00:00 |UTC" {1}`},
	{"literal", "a APPEND x {|}"}, {"literal", "a APPEND x {|-1}"}, {"command", "a APPEND x {1}| x"}, {"append-data", "a APPEND x UTF8 (|{1}"},
	{"command", "a APPEND x {1}\r\n|y"}, {"cat-part", "a APPEND x CATENATE (|)"}, {"cat-part", "a APPEND x CATENATE (|FOO x)"},
	{"cat-part", "a APPEND x CATENATE (URL /a|"}, {"text-literal", "a APPEND x CATENATE (TEXT |x)"}, {"url", "a APPEND x CATENATE (URL |)"},
	{"replace", "a REPLACE|"}, {"seq-number", "a REPLACE |0 x {1}"}, {"replace", "a REPLACE 1|:2 x {1}"}, {"append-message", "a REPLACE 1 x|"},
	{"command", "a REPLACE 1 x CATENATE (URL /a)| {1}"}, {"objectid", "a SEARCH EMAILID |a.b"}, {"objectid", `a SEARCH THREADID |""`},

	{"sequence-set", "a COPY |x y"}, {"sequence-set", "a COPY |0 x"}, {"sequence-set", "a COPY |1, x"}, {"sequence-set", "a COPY |4294967296 x"},
	{"sequence-set", "a COPY |1,$ x"}, {"copy", "a COPY 1|"}, {"move", "a MOVE|"}, {"command", "a EXPUNGE| 1"}, {"uid-expunge", "a UID EXPUNGE|"},

	{"store-att-flags", `a STORE 1 |FLAG \Seen`}, {"store-att-flags", `a STORE 1 |+FLAGS.LOUD \Seen`}, {"flag", `a STORE 1 FLAGS (|\Recent)`},
	{"flag", `a STORE 1 FLAGS (|\Foo)`}, {"flag", `a STORE 1 FLAGS \|`}, {"flag", `a STORE 1 FLAGS (|"x")`}, {"flag", `a STORE 1 FLAGS |`},
	{"flag", `a STORE 1 FLAGS x |`}, {"flag-list", `a STORE 1 FLAGS (x|`}, {"flag-list", `a STORE 1 FLAGS (x|]y)`}, {"command", `a STORE 1 FLAGS (x)| y`},

	{"fetch-att", "a FETCH 1 |FOO"}, {"fetch-att", "a FETCH 1 (|ALL)"}, {"fetch-att", "a FETCH 1 (|)"}, {"fetch", "a FETCH 1|"},
	{"command", "a FETCH 1 FLAGS| UID"}, {"fetch-att", "a FETCH 1 |FLAGS[]"}, {"section", "a FETCH 1 BODY[1|"}, {"section-part", "a FETCH 1 BODY[|0]"},
	{"section-spec", "a FETCH 1 BODY[1.|]"}, {"section-spec", "a FETCH 1 BODY[|MIME]"}, {"section-spec", "a FETCH 1 BODY[|FOO]"},
	{"section-msgtext", "a FETCH 1 BODY[HEADER.FIELDS|]"}, {"header-fld-name", "a FETCH 1 BODY[HEADER.FIELDS (|)]"},
	{"section-binary", "a FETCH 1 BINARY[|HEADER]"}, {"section-binary", "a FETCH 1 BINARY[1.|MIME]"}, {"command", "a FETCH 1 BINARY.SIZE[1]|<0.1>"},
	{"partial", "a FETCH 1 BODY[]<0.|0>"}, {"partial", "a FETCH 1 BODY[]<|.1>"}, {"partial", "a FETCH 1 BODY[]<0|>"}, {"partial", "a FETCH 1 BODY[]<0.1|"},

	{"nz-number", "a SEARCH OLDER |0"}, {"date", "a SEARCH SAVEDSINCE |x"}, {"partial-range", "a SEARCH RETURN (PARTIAL |0:1) ALL"},
	{"partial-range", "a SEARCH RETURN (PARTIAL -1:|2) ALL"}, {"partial-range", "a FETCH 1 FLAGS (PARTIAL 1:|*)"},
	{"search-key", "a SEARCH |"}, {"search-key", "a SEARCH |FOO"}, {"search-key", "a SEARCH ALL |"}, {"search-key", "a SEARCH (|)"},
	{"search-key", "a SEARCH (ALL|"}, {"search-key", "a SEARCH NOT|"}, {"search-key", "a SEARCH OR ALL|"}, {"search-key", "a SEARCH FROM|"},
	{"search-key", "a SEARCH FROM |"}, {"date", "a SEARCH SINCE |31-Apr-2026"}, {"date", "a SEARCH SINCE |x"}, {"date", "a SEARCH SINCE 1-Jan-26|"},
	{"date", `a SEARCH SINCE "1-Jan-2026|`}, {"number64", "a SEARCH LARGER |-1"}, {"flag-keyword", `a SEARCH KEYWORD |\Seen`},
	{"sequence-set", "a SEARCH UID |x"}, {"search-return-opt", "a SEARCH RETURN (|FOO) ALL"}, {"charset", `a SEARCH CHARSET |"" ALL`},
	{"search-program", "a SEARCH CHARSET UTF-8|"}, {"search-key", "a SEARCH ALL |CHARSET UTF-8 ALL"}, {"search", "a SEARCH RETURN (ALL)|"},

	{"id", "a ID|"}, {"id-params-list", "a ID |x"}, {"id-params-list", `a ID ("a"|)`}, {"id-params-list", `a ID (|NIL "x")`}, {"command", "a NOOP|\r\n"},
	{"sort-key", "a SORT (|SIDE) UTF-8 ALL"},
	{"sort-key", "a SORT (REVERSE |(DATE)) UTF-8 ALL"},
	{"sort-key", "a SORT (|) UTF-8 ALL"},
	{"search-criteria", "a SORT (DATE) UTF-8|"},
	{"charset", "a SORT (DATE) |\"\" ALL"},
	{"search-return-opt", "a SORT RETURN (|CHEAPEST) (DATE) UTF-8 ALL"},
	{"thread-alg", "a THREAD |(REFS) UTF-8 ALL"},
	{"search-key", "a THREAD REFS UTF-8 |NONE"},
	{"preview-mod", "a FETCH 1 (PREVIEW (LAZY |EAGER))"},
	{"fetch-modifier", "a FETCH 1 PREVIEW (|EAGER)"},
}

func TestParseCommandErrors(t *testing.T) {
	for _, c := range badCommands {
		at := strings.IndexByte(c.in, '|')
		if at < 0 {
			t.Errorf("%q has no mark", c.in)
			continue
		}
		frame := c.in[:at] + c.in[at+1:]
		tag, cmd, err := ParseCommand([]byte(frame), ParseOptions{})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || cmd != nil {
			t.Errorf("%q: got %#v, %v", frame, cmd, err)
			continue
		}
		if syntax.Production != c.production || syntax.Offset != at {
			t.Errorf("%q: got %v; want %s at octet %d", frame, err, c.production, at)
		}
		want := "a"
		if c.production == "tag" {
			want = ""
		}
		if tag != want {
			t.Errorf("%q: tag %q", frame, tag)
		}
	}
}

func TestUnknownCommand(t *testing.T) {
	for in, name := range map[string]string{"a foo 1": "FOO", "a UID NOOP": "UID NOOP", "a uid": "", "a DONE": "DONE", "a X-Y(": "X-Y"} {
		_, _, err := ParseCommand([]byte(in), ParseOptions{})
		var unknown *UnknownCommand
		if errors.As(err, &unknown) != (name != "") || unknown != nil && unknown.Name != name {
			t.Errorf("%q: got %v", in, err)
		}
	}
}

func TestTag(t *testing.T) {
	for in, want := range map[string]string{"a1 LOGIN {9": "a1", "a1": "a1", "": "", "\"a\" x": "", "a(b": "", " x": "", "+ x": ""} {
		if got := Tag([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// The examples of the RFCs parse, but for those of extensions.
func TestRFCExamples(t *testing.T) {
	for _, in := range seeds(t, "commands") {
		_, cmd, err := ParseCommand([]byte(in), ParseOptions{UTF8: true})
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		checkRoundTrip(t, cmd, EncoderOptions{UTF8: true})
	}
	for _, in := range seeds(t, "commands_refused") {
		if _, cmd, err := ParseCommand([]byte(in), ParseOptions{UTF8: true}); err == nil {
			t.Errorf("%q parses as %#v: move it to commands.txt", in, cmd)
		}
	}
}

// What is bounded stays bounded.
func TestParseLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("NOT ", n) + "ALL" }
	parens := func(n int) string { return strings.Repeat("(", n) + "ALL" + strings.Repeat(")", n) }
	for _, c := range []struct {
		in string
		ok bool
	}{
		{"SEARCH " + nested(maxSearchDepth-1), true}, {"SEARCH " + nested(maxSearchDepth), false},
		{"SEARCH " + parens(maxSearchDepth-1), true}, {"SEARCH " + parens(maxSearchDepth), false},
		{"SEARCH " + strings.Repeat("OR ALL ", maxSearchDepth-1) + "ALL", true},
		{"SEARCH ALL" + strings.Repeat(" ALL", maxList-1), true}, {"SEARCH ALL" + strings.Repeat(" ALL", maxList), false},
		{"STORE 1 FLAGS x" + strings.Repeat(" x", maxList), false},
		{"STORE 1 FLAGS (x" + strings.Repeat(" x", maxList) + ")", false},
		{"FETCH 1 (UID" + strings.Repeat(" UID", maxList) + ")", false},
		{"FETCH 1 BODY[1" + strings.Repeat(".1", maxParts-1) + "]", true}, {"FETCH 1 BODY[1" + strings.Repeat(".1", maxParts) + "]", false},
		{"SELECT x (A " + strings.Repeat("(", 1<<20), false},
	} {
		if _, _, err := ParseCommand([]byte("a "+c.in), ParseOptions{}); (err == nil) != c.ok {
			t.Errorf("%.40q...: got %v", c.in, err)
		}
	}
}

func TestParseAppend(t *testing.T) {
	tag, a, err := ParseAppend([]byte("a APPEND x (\\Seen) {2}"), ParseOptions{})
	if tag != "a" || err != nil || a.Size != 2 {
		t.Fatal(tag, a, err)
	}
	if tag, _, err := ParseAppend([]byte("a NOOP"), ParseOptions{}); tag != "a" || err == nil {
		t.Error(tag, err)
	}
	if tag, _, err := ParseAppend([]byte("a APPEND x (\\Seen {2}"), ParseOptions{}); tag != "a" || err == nil {
		t.Error(tag, err)
	}
	if next, err := ParseAppendNext(nil, a); next != nil || err != nil {
		t.Error(next, err)
	}
	next, err := ParseAppendNext([]byte(` ($Junk) "01-Jan-2026 00:00:00 +0000" UTF8 (~{3+}`), a)
	want := &Append{Mailbox: "x", Flags: []imap.Flag{imap.Junk}, Date: date(2026, 1, 1), Size: 3, Binary: true, UTF8: true, NonSync: true}
	if err != nil || !reflect.DeepEqual(next, want) {
		t.Errorf("got %#v, %v", next, err)
	}
	if last, err := ParseAppendNext([]byte(")"), next); last != nil || err != nil {
		t.Error(last, err)
	}
	for _, bad := range []string{"", " {1}", ")x", ") {1}x"} {
		if last, err := ParseAppendNext([]byte(bad), next); err == nil {
			t.Errorf("%q: got %v", bad, last)
		}
	}
}

// What is put together goes on behind every literal.
func TestParseAppendNextCatenate(t *testing.T) {
	text := &Append{Mailbox: "x", Catenate: &Catenate{Announced: CatText}}
	for _, c := range []struct {
		in   string
		prev *Append
		want *Append
	}{
		{")", text, &Append{Mailbox: "x", Catenate: &Catenate{}}},
		{"))", &Append{Mailbox: "x", UTF8: true, Catenate: &Catenate{Announced: CatText}}, &Append{Mailbox: "x", Catenate: &Catenate{}}},
		{" URL /a TEXT {3+}", text, &Append{Mailbox: "x", Size: 3, NonSync: true, Catenate: &Catenate{URLs: []string{"/a"}, Announced: CatText}}},
		{` URL "/a") (\Seen) {3}`, text, &Append{Mailbox: "x", Catenate: &Catenate{URLs: []string{"/a"}},
			Next: &Append{Mailbox: "x", Flags: []imap.Flag{imap.Seen}, Size: 3}}},
		{"", text, nil}, {" )", text, nil}, {")x", text, nil}, {" TEXT {3", text, nil}, {" {3}", text, nil},
	} {
		got, err := ParseAppendNext([]byte(c.in), c.prev)
		if !reflect.DeepEqual(got, c.want) || err == nil != (c.want != nil) {
			t.Errorf("%q: got %#v, %v", c.in, got, err)
		}
	}
	if got := text.Trailer(); got != ")\r\n" {
		t.Errorf("trailer %q", got)
	}
}

func BenchmarkParseCommand(b *testing.B) {
	for _, c := range []struct{ name, in string }{
		{"FETCH", "A0001 UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
		{"FETCH headers", "A0001 UID FETCH 1:500 (UID FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID)])"},
		{"STORE", `A0001 UID STORE 4711 +FLAGS.SILENT (\Seen)`},
		{"SEARCH", `A0001 UID SEARCH RETURN (ALL) UNSEEN SINCE 1-Feb-2026 OR FROM "ann" SUBJECT "report"`},
		{"NOOP", "a NOOP"},
	} {
		b.Run(c.name, func(b *testing.B) {
			frame := []byte(c.in)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := ParseCommand(frame, ParseOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
