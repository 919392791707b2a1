package admin

import (
	"time"

	"restante/imap"
)

// A running server answers HTTP on a socket in its data folder, which only its own user can open.
//
//	GET    /users                       []UserInfo
//	POST   /users                       {"name", "password"}
//	PUT    /users/password              {"name", "password"}
//	DELETE /users?name=NAME
//	POST   /import?user=U               []ImportBox as a line of JSON; for each message messageHeader
//	                                    as a line of JSON, then its octets; the answer is a line of
//	                                    importAnswer for each batch
//	POST   /move                        MoveRequest; the answer is a line of moveAnswer now and then
//	POST   /imap?user=U                 with "Upgrade: imap"; after the answer 101 the connection is one
//	                                    of IMAP, and begins with the greeting PREAUTH
//
// An error is a status of 400 or above and its text, or a last line {"error"}.

// upgradeIMAP is what the connection of a request for IMAP becomes, by the Upgrade of HTTP.
const upgradeIMAP = "imap"

// credentials are a user and the password to have. Names are never part of a path, which would lose
// some: "" and "..".
type credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// messageHeader stands before the Size octets of a message.
type messageHeader struct {
	Box   int         `json:"box"` // index of the mailbox
	Flags []imap.Flag `json:"flags,omitempty"`
	Date  time.Time   `json:"date,omitzero"`
	Size  int64       `json:"size"`
}

// importAnswer says what has been made durable since the last one, or why no more is.
type importAnswer struct {
	ImportProgress
	Error string `json:"error,omitempty"`
}
