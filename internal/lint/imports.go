package lint

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "restante"

// allowed says what each package may import of ours; a trailing /... stands for what is below.
// Tests may import more: that is where client and server meet.
var allowed = map[string][]string{
	"imap":             {},
	"imapwire":         {"imap", "internal/charset", "internal/maildate"},
	"message":          {"imap", "internal/charset"},
	"summary":          {"imap", "imapwire", "message", "internal/maildate"},
	"mailbox":          {"imap"},
	"store":            {"imap", "mailbox"},
	"store/gate":       {"imap", "mailbox", "store"},
	"store/memstore":   {"imap", "mailbox", "store"},
	"store/move":       {"imap", "mailbox", "store"},
	"store/localstore": {"imap", "mailbox", "store"},
	"store/pgstore":    {"blob", "imap", "internal/deepstack", "internal/spool", "mailbox", "store"},
	"store/storetest":  {"imap", "mailbox", "store", "store/memstore"},
	"blob":             {},
	"blob/blobtest":    {"blob"},
	"blob/fsblob":      {"blob"},
	"blob/s3blob":      {"blob"},
	"auth/sasl":        {},
	"auth":             {"auth/sasl", "store"},
	"imapclient":       {"imap", "imapwire", "auth/sasl", "internal/charset"},
	"imapserver":       {"imap", "imapwire", "mailbox", "message", "summary", "store", "store/gate", "auth", "auth/sasl", "internal/charset", "internal/deepstack", "internal/spool"},
	"lmtp":             {"imap", "mailbox", "message", "summary", "store", "store/gate", "auth", "internal/spool"},

	"internal/charset":       {},
	"internal/deepstack":     {},
	"internal/dovecottest":   {},
	"internal/lint":          {},
	"internal/lint/rfcindex": {"internal/lint"},
	"internal/maildate":      {},
	"internal/pgtest":        {},
	"internal/servertest":    {},
	"internal/spool":         {},
	"internal/transcript":    {"imap"},

	"cmd/restante":                   {"..."},
	"cmd/restante/internal/cli":      {},
	"cmd/restante/internal/terminal": {},
	"cmd/restante/internal/config":   {},
	"cmd/restante/internal/datadir":  {},
	"cmd/restante/internal/output":   {"cmd/restante/internal/terminal"},
	"cmd/restante/internal/query":    {"imap"},
	"cmd/restante/internal/mailfile": {"imap", "imapclient", "imapwire", "message"},
	"cmd/restante/internal/account": {"auth/sasl", "imap", "imapclient",
		"cmd/restante/internal/config", "cmd/restante/internal/terminal"},
	"cmd/restante/internal/client": {"imap", "imapclient", "internal/maildate", "message",
		"cmd/restante/internal/account", "cmd/restante/internal/cli", "cmd/restante/internal/config",
		"cmd/restante/internal/mailfile", "cmd/restante/internal/output", "cmd/restante/internal/query", "cmd/restante/internal/terminal"},
	"cmd/restante/internal/admin": {"auth", "auth/sasl", "imap", "imapserver", "internal/spool", "mailbox", "message", "store", "store/gate", "store/move", "summary",
		"cmd/restante/internal/cli", "cmd/restante/internal/config", "cmd/restante/internal/datadir",
		"cmd/restante/internal/mailfile", "cmd/restante/internal/mailstore", "cmd/restante/internal/output", "cmd/restante/internal/terminal"},
	"cmd/restante/internal/server": {"auth", "imap", "imapserver", "internal/maildate", "lmtp", "message",
		"store", "store/gate",
		"cmd/restante/internal/admin", "cmd/restante/internal/cli", "cmd/restante/internal/config",
		"cmd/restante/internal/datadir", "cmd/restante/internal/mailfile", "cmd/restante/internal/mailstore"},
	"cmd/restante/internal/mailstore": {"blob", "blob/fsblob", "blob/s3blob", "store", "store/localstore", "store/pgstore",
		"cmd/restante/internal/cli", "cmd/restante/internal/config"},

	"cluster/proxy":     {},
	"cluster/faulttest": {},

	"bench":     {"..."},
	"peers/...": {"..."},
}

// imports checks the direction of the packages.
func imports(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if f.Test {
			continue
		}
		may, ok := rights(f.Dir())
		if !ok {
			out = append(out, fmt.Sprintf("%s:1: package %s is not in the table of imports", f.Path, f.Dir()))
			continue
		}
		for _, spec := range f.AST.Imports {
			what, _ := strconv.Unquote(spec.Path.Value)
			ours, ok := strings.CutPrefix(what, module+"/")
			if ok && !slices.Contains(may, ours) && !slices.Contains(may, "...") {
				out = append(out, f.at(spec.Pos(), "%s may not import %s", f.Dir(), ours))
			}
		}
	}
	return out
}

func rights(dir string) ([]string, bool) {
	if may, ok := allowed[dir]; ok {
		return may, true
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if may, ok := allowed[dir+"/..."]; ok {
			return may, true
		}
	}
	return nil, false
}

// private are the libraries that one package alone may use.
var private = map[string]string{
	"github.com/cockroachdb/pebble":        "store/localstore",
	"github.com/prometheus/client_golang":  "cmd",
	"github.com/spf13/cobra":               "cmd",
	"github.com/pelletier/go-toml":         "cmd",
	"github.com/vbauerster/mpb":            "cmd",
	"github.com/xdg-go/scram":              "auth/sasl",
	"database/sql":                         "store/pgstore",
	"github.com/jackc/pgx":                 "store/pgstore",
	"github.com/pressly/goose":             "store/pgstore",
	"github.com/nats-io/nats.go":           "store/pgstore",
	"github.com/VictoriaMetrics/fastcache": "store/pgstore",
	"github.com/aws":                       "blob/s3blob",
}

// libraries checks that a driver's library is seen in the driver only. Tests may compare with it.
func libraries(t *Tree) (out []string) {
	for _, f := range t.goFiles() {
		if f.Test {
			continue
		}
		for _, spec := range f.AST.Imports {
			what, _ := strconv.Unquote(spec.Path.Value)
			for lib, owner := range private {
				ours := f.Dir() == owner || strings.HasPrefix(f.Dir(), owner+"/")
				if !ours && (what == lib || strings.HasPrefix(what, lib+"/")) {
					out = append(out, f.at(spec.Pos(), "%s is for %s only", lib, owner))
				}
			}
		}
	}
	return out
}
