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
//	POST   /import?user=U&mailbox=M     for each message messageHeader as a line of JSON, then its
//	                                    octets; the answer is a line of importProgress for
//	                                    each batch
//
// An error is a status of 400 or above and its text, or a last line {"error"}.

// credentials are a user and the password to have. Names are never part of a path, which would lose
// some: "" and "..".
type credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// messageHeader stands before the Size octets of a message.
type messageHeader struct {
	Flags []imap.Flag `json:"flags,omitempty"`
	Date  time.Time   `json:"date,omitzero"`
	Size  int64       `json:"size"`
}

// importProgress says how many more messages have been made durable, or why no more are.
type importProgress struct {
	Done  int    `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}
