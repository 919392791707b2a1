package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"restante/imap"
)

// roleNames are the names by which mailboxes with a role go where the server does not tell it
// (RFC 6154), in lower case; the better known first.
var roleNames = map[imap.MailboxAttr][]string{
	imap.AttrTrash: {"trash", "deleted items", "deleted messages", "deleted", "bin", "papierkorb", "gelöschte elemente", "gelöschte objekte",
		"gelöscht", "corbeille", "éléments supprimés", "messages supprimés", "papelera", "elementos eliminados", "cestino", "posta eliminata",
		"elementi eliminati", "prullenbak", "verwijderde items", "lixeira", "itens excluídos", "lixo", "kosz", "elementy usunięte", "koš", "papperskorg",
		"papperskorgen", "papirkurv", "slettet post", "roskakori", "корзина", "удаленные", "удалённые", "кошик", "ゴミ箱", "ごみ箱", "已删除", "已删除邮件", "废件箱",
		"휴지통", "çöp kutusu", "silinmiş öğeler"},
	imap.AttrSent: {"sent", "sent items", "sent messages", "sent mail", "sent-mail", "gesendet", "gesendete elemente", "gesendete objekte",
		"gesendete nachrichten", "envoyés", "éléments envoyés", "messages envoyés", "enviados", "elementos enviados", "inviati",
		"posta inviata", "elementi inviati", "verzonden", "verzonden items", "itens enviados", "wysłane", "elementy wysłane", "odeslané", "skickat",
		"skickade objekt", "sendt", "sendt post", "lähetetyt", "отправленные", "надіслані", "送信済み", "送信済みメール", "已发送", "已发送邮件", "보낸편지함",
		"gönderilmiş öğeler"},
	imap.AttrDrafts: {"drafts", "draft", "entwürfe", "entwurf", "brouillons", "borradores", "bozze", "concepten", "rascunhos", "robocze", "kopie robocze",
		"koncepty", "rozepsané", "utkast", "kladder", "luonnokset", "черновики", "чернетки", "下書き", "草稿", "草稿箱", "임시보관함", "taslaklar"},
	imap.AttrJunk: {"junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "bulk", "junk-e-mail", "unerwünschte werbung", "pourriel",
		"courrier indésirable", "indésirables", "correo no deseado", "posta indesiderata", "ongewenste e-mail", "ongewenst", "lixo eletrônico",
		"wiadomości-śmieci", "niechciane", "nevyžádaná pošta", "skräppost", "uønsket e-post", "uønsket mail", "roskaposti", "спам", "迷惑メール", "垃圾邮件",
		"스팸", "önemsiz e-posta"},
	imap.AttrArchive: {"archive", "archives", "archiv", "archivo", "archivio", "archief", "arquivo", "archiwum", "arkiv", "arkisto", "архив", "архів",
		"アーカイブ", "存档", "归档", "보관함", "arşiv"},
}

// roles tells which mailbox has a role: the account's own setting wins, then what the server tells,
// then the first of the usual names, at the top or below INBOX. boxes are all there are, by mailboxes.
func (s *session) roles(boxes []*imap.MailboxInfo) map[imap.MailboxAttr]string {
	found := map[imap.MailboxAttr]string{}
	for role, usual := range roleNames {
		if name := s.configured[role]; name != "" {
			found[role] = s.names.shown(s.names.server(name))
			continue
		}
		best := len(usual)
		for _, m := range boxes {
			if m.HasAttr(role) {
				found[role] = m.Name
				break
			}
			at := slices.Index(usual, strings.ToLower(strings.TrimPrefix(m.Name, imap.Inbox+"/")))
			if at >= 0 && at < best && selectable(m) && len(specialUses(m)) == 0 {
				best, found[role] = at, m.Name
			}
		}
	}
	return found
}

// role returns the name, as shown, of the mailbox with a role; imap.ErrNotFound when there is none.
func (s *session) role(ctx context.Context, role imap.MailboxAttr) (string, error) {
	boxes, err := s.mailboxes(ctx, "*", 0)
	if err != nil {
		return "", err
	}
	if name := s.roles(boxes)[role]; name != "" {
		return name, nil
	}
	return "", &explainedError{fmt.Sprintf("no mailbox is known to be %s; name one in the account's table of the configuration: roles.%s = \"NAME\"",
		role, strings.ToLower(strings.TrimPrefix(string(role), `\`))), imap.ErrNotFound}
}

// roleNamed returns the server's name of the mailbox that is meant by a role, such as \Sent.
func (s *session) roleNamed(ctx context.Context, role string) (string, error) {
	for known := range roleNames {
		if strings.EqualFold(string(known), role) {
			name, err := s.role(ctx, known)
			if err != nil {
				return "", err
			}
			return s.names.server(name), nil
		}
	}
	n, err := s.mailboxNames(ctx)
	if err != nil {
		return "", err
	}
	return n.server(role), nil
}
