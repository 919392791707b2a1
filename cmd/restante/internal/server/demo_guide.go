package server

import (
	"strings"
	"text/template"
)

// guideData is what the guide names; addresses are "" for what is off.
type guideData struct {
	User, Password, Bin, Cert, Accounts, Attachments string
	IMAP, IMAPS, LMTP, HTTP, Port                    string
}

// demoGuide is what --demo prints: what is not a comment can be pasted into a shell, line by line or
// all of it.
var demoGuide = template.Must(template.New("guide").Funcs(template.FuncMap{"sh": shellQuote}).Parse(`# Restante serves a demonstration mailbox until you press Ctrl-C; then all of it is removed.
#
#   user         {{.User}}
#   password     {{.Password}}
{{- with .IMAP}}
#   IMAP         {{.}} (STARTTLS)
{{- end}}
{{- with .IMAPS}}
#   IMAPS        {{.}}
{{- end}}
{{- with .LMTP}}
#   LMTP         {{.}}
{{- end}}
{{- with .HTTP}}
#   HTTP         http://{{.}}/metrics
{{- end}}
#   certificate  {{.Cert}}
#
# Paste these two lines into another shell; after them, any of the others.
export PATH={{sh .Bin}}:"$PATH"
export RESTANTE_CONFIG={{sh .Accounts}}
{{if .Port}}
# The mailboxes, the newest messages, a search everywhere:
restante ls
restante list INBOX
restante search '*' from:bob garden

# A message in HTML, one in Japanese, one with attachments, and the attachments:
restante show INBOX 3
restante show INBOX 7
restante show INBOX 4
restante show INBOX 4 --save-attachments {{sh .Attachments}}

# Changes; lines of JSON for programs:
restante search INBOX is:unread --uids | restante flag INBOX - +seen
restante move INBOX 13:15 Archive/Garden --create
restante list INBOX --json

# Without a configuration file:
RESTANTE_PASSWORD={{.Password}} restante ls --server imaps://{{.User}}@localhost:{{.Port}} --cafile {{sh .Cert}}

# With curl:
curl --cacert {{sh .Cert}} -u {{.User}}:{{.Password}} imaps://localhost:{{.Port}}/
curl --cacert {{sh .Cert}} -u {{.User}}:{{.Password}} 'imaps://localhost:{{.Port}}/INBOX;UID=1'

# With Python:
python3 - <<'END'
import imaplib, ssl
M = imaplib.IMAP4_SSL('localhost', {{.Port}}, ssl_context=ssl.create_default_context(cafile={{printf "%q" .Cert}}))
M.login('{{.User}}', '{{.Password}}')
M.select('Inbox')
typ, data = M.search(None, 'ALL')
for num in data[0].split():
    typ, data = M.fetch(num, '(RFC822)')
    print('Message %s\n%s\n' % (num, data[0][1]))
M.close()
M.logout()
END
{{end}}
# More:
restante --help
`))

// shellQuote returns a word as it is written in a shell.
func shellQuote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:@+-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
