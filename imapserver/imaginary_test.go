package imapserver

import (
	"maps"
	"slices"
	"strconv"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
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
	},
	fetchItems: map[string]fetchItem{
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
		given: returnAsks(func(o *imapwire.SearchReturn) bool { return o.Count }),
		add: func(d *imapwire.ESearchData, hits []searchHit) {
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
		"XIMAGINARY": func(c *conn, value string) (func() error, error) {
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
		name:  "REMOTE",
		given: func(cmd *imapwire.List) bool { return cmd.Select.Remote },
		meets: func(_ *mailbox.Namespace, name string) bool { return name == "Far" },
	}},
	listReturns: []listReturn{{
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
	base.searchKeys = maps.Clone(base.searchKeys)
	delete(base.searchKeys, imap.SearchOld)
	s.extensions = []*extension{&base}
	for _, x := range extensions {
		if !slices.Contains([]string{"IMAP4rev1", "UNSELECT", "BINARY", "ESEARCH"}, x.name) {
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
