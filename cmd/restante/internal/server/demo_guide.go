package server

import (
	"strings"
	"text/template"
)

// guideData is what the guide names; addresses are "" for what is off.
type guideData struct {
	User, Password, Command, Cert, Accounts, Attachments string
	IMAP, IMAPS, LMTP, HTTP, Port                        string
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
# Paste any of these lines into another shell.
{{if .Port}}
# The mailboxes, the newest messages, a search everywhere:
RESTANTE_PASSWORD={{.Password}} {{sh .Command}} ls --server imaps://{{.User}}@localhost:{{.Port}} --cafile {{sh .Cert}}
{{sh .Command}} list INBOX --config {{sh .Accounts}}
{{sh .Command}} search '*' from:bob garden --config {{sh .Accounts}}

# A message in HTML, one in Japanese, one with attachments, and the attachments:
{{sh .Command}} show INBOX 3 --config {{sh .Accounts}}
{{sh .Command}} show INBOX 7 --config {{sh .Accounts}}
{{sh .Command}} show INBOX 4 --config {{sh .Accounts}}
{{sh .Command}} show INBOX 4 --save-attachments {{sh .Attachments}} --config {{sh .Accounts}}

# Changes; lines of JSON for programs:
{{sh .Command}} search INBOX is:unread --uids --config {{sh .Accounts}} | {{sh .Command}} flag INBOX - +seen --config {{sh .Accounts}}
{{sh .Command}} move INBOX 13:15 Archive/Garden --create --config {{sh .Accounts}}
{{sh .Command}} list INBOX --json --config {{sh .Accounts}}

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
{{sh .Command}} --help
`))

// shellQuote returns a word as it is written in a shell.
func shellQuote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:@+-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
