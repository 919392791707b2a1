package imapserver

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// imaginaryExtension has something in every place where an extension can have something. What it has
// is what the grammar knows and no other row of OfferImaginary serves.
var imaginaryExtension = extension{
	name: "XIMAGINARY", rfc: "of no RFC",
	capabilities: func(c *conn) []string {
		if c.enabled.has("XIMAGINARY") {
			return []string{"XIMAGINARY=ENABLED"}
		}
		return []string{"XIMAGINARY"}
	},
	enables: "XIMAGINARY",
	implies: []imap.Cap{"XIMPLIED"},
	commands: map[string]command{
		"UNSELECT": {in: loggedIn, run: handler(func(c *conn, _ *imapwire.Unselect) error {
			c.completion = reply{code: "XIMAGINARY", text: "Still selected"}
			return nil
		})},
		// The options that the grammar does not read are given to the handlers as values.
		"CLOSE": {in: selected, run: handler(func(c *conn, _ *imapwire.Close) error {
			options := []imapwire.Option{&imapwire.RawOption{Label: "XIMAGINARY", Value: "2"}}
			return errors.Join(
				runCreate(c, &imapwire.Create{Mailbox: "Made", Params: options}),
				runStore(c, &imapwire.Store{Set: imap.Seqs(2), Op: imap.StoreAdd, Modifiers: options}),
				runFetch(c, &imapwire.Fetch{Set: imap.Seqs(1, 2), Items: []imap.FetchItem{{Name: "XIMAGINARY (BIG)"}}, Modifiers: options}),
				runSearch(c, &imapwire.Search{Key: imap.All, Return: &imapwire.SearchReturn{}, ReturnOptions: options}),
				runList(c, &imapwire.List{Patterns: []string{"*"}, SelectOptions: options, ReturnOptions: options, Extended: true}),
			)
		})},
		"CHECK": {in: selected, run: handler(func(c *conn, _ *imapwire.Check) error {
			return runSearch(c, &imapwire.Search{Key: imap.All, ReturnOptions: []imapwire.Option{&imapwire.RawOption{Label: "UNKNOWN"}}})
		})},
	},
	fetchModifiers: map[string]fetchModifier{
		"XIMAGINARY": func(f *fetcher, option imapwire.Option) error {
			from, err := strconv.Atoi(option.(*imapwire.RawOption).Value)
			if err != nil {
				return bad("XIMAGINARY needs a number")
			}
			rows := f.rows
			f.rows = func(yield func(imap.SeqNum, *mailbox.Row) bool) {
				for seq, row := range rows {
					if int(seq) >= from && !yield(seq, row) {
						return
					}
				}
			}
			return f.add(imap.FetchUID)
		},
	},
	storeModifiers: map[string]storeModifier{
		"XIMAGINARY": func(_ *conn, option imapwire.Option, op *store.StoreFlags) error {
			op.Flags = append(op.Flags, imap.Flag("ximaginary-"+option.(*imapwire.RawOption).Value))
			return nil
		},
	},
	createParams: map[string]createParam{
		"XIMAGINARY": func(_ *conn, _ imapwire.Option, op *store.Create) error {
			op.Use = append(op.Use, imap.AttrFlagged)
			return nil
		},
	},
	fetchItems: map[string]fetchItem{
		"XIMAGINARY": {value: func(f *fetcher, item *imap.FetchItem) error {
			f.c.out = imapwire.AppendString(f.c.out, item.Name)
			return nil
		}},
		"BINARY.SIZE[]": {needs: needsSummary, unreadable: "0", value: func(f *fetcher, item *imap.FetchItem) error {
			sum, err := f.msg.summary()
			if err != nil {
				return err
			}
			f.c.out = imapwire.AppendNumber(f.c.out, sum.HeaderLen())
			return nil
		}},
	},
	searchKeys: map[imap.SearchOp]searchKey{
		imap.SearchOld: func(*searchCompiler, *imap.SearchKey) (criterion, error) {
			return criterion{cost: fromSummary, match: func(m *openMessage) (bool, error) {
				sum, err := m.summary()
				return err == nil && sum.HeaderLen() > 20, unreadable(err)
			}}, nil
		},
	},
	searchReturns: []searchReturn{{
		name: "XIMAGINARY",
		add: func(_ *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
			d.Max, d.Items = hits[len(hits)-1].number(d.UID), d.Items|imapwire.ESearchMax
		},
	}, {
		given: returnAsks(func(o *imapwire.SearchReturn) bool { return o.Count }),
		name:  "COUNT",
		add: func(_ *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
			d.Extra = append(d.Extra, imap.RawItem{Name: "XIMAGINARY", Value: strconv.Itoa(len(hits))})
		},
	}},
	statusItems: map[imap.StatusItems]statusItem{
		imap.StatusHighestModSeq: func(c *conn, box mailbox.Entry, counts *mailbox.Counts, s *imap.Status) error {
			s.HighestModSeq = 4711
			return nil
		},
	},
	selectParams: map[string]selectParam{
		"XIMAGINARY": func(c *conn, param imapwire.Option) (func() error, error) {
			value := param.(*imapwire.RawOption).Value
			if value == "" {
				return nil, bad("XIMAGINARY needs a value")
			}
			return func() error {
				c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", "XIMAGINARY", value, "Selected so")
				return nil
			}, nil
		},
	},
	listSelections: []listSelection{{
		name:  "XIMAGINARY",
		meets: func(_ *mailbox.Namespace, name string) bool { return name == "INBOX" },
	}, {
		name:  "REMOTE",
		given: func(cmd *imapwire.List) bool { return cmd.Select.Remote },
		meets: func(_ *mailbox.Namespace, name string) bool { return name == "Far" },
	}},
	listReturns: []listReturn{{
		name: "XIMAGINARY",
		add:  func(_ *mailbox.Namespace, info *imap.MailboxInfo) { info.Attrs = append(info.Attrs, `\Chosen`) },
	}, {
		given: func(cmd *imapwire.List) bool { return cmd.Return.Children },
		check: func(c *conn, cmd *imapwire.List) error {
			if !c.enabled.has("XIMPLIED") {
				return bad("ENABLE XIMAGINARY first")
			}
			return nil
		},
		add: func(_ *mailbox.Namespace, info *imap.MailboxInfo) { info.Attrs = append(info.Attrs, `\Imaginary`) },
		follow: func(c *conn, _ *imapwire.List, box mailbox.Entry) error {
			c.out = append(c.out, "* XIMAGINARY "+box.Name+"\r\n"...)
			return nil
		},
	}},
}

// OfferImaginary makes a server offer the imaginary extension, in the place of others.
func OfferImaginary(s *Server) {
	base := imap4rev1Extension
	base.searchKeys, base.commands = maps.Clone(base.searchKeys), maps.Clone(base.commands)
	delete(base.searchKeys, imap.SearchOld)
	delete(base.commands, "CLOSE")
	delete(base.commands, "CHECK")
	s.extensions = []*extension{&base}
	for _, x := range extensions {
		if !slices.Contains([]string{"IMAP4rev1", "UNSELECT", "BINARY", "ESEARCH", "CONDSTORE"}, x.name) {
			s.extensions = append(s.extensions, x)
		}
	}
	s.extensions = append(s.extensions, &imaginaryExtension)
}

// ExtensionRFCs returns which RFC each extension is of, by its name.
func ExtensionRFCs() map[string]string {
	rfcs := map[string]string{}
	for _, x := range extensions {
		rfcs[x.name] = x.rfc
	}
	return rfcs
}
