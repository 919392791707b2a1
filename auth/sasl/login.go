package sasl

import (
	"fmt"
	"unicode/utf8"
)

// login is the client's side of LOGIN, which was never more than a draft: the server asks for the
// name, then for the password. Servers word the questions differently; only their order counts.
type login struct {
	user, password string
	asked          int
}

func (l *login) Name() string { return "LOGIN" }

func (l *login) Start() ([]byte, error) {
	if l.user == "" || l.password == "" {
		return nil, fmt.Errorf("sasl: LOGIN needs a user and a password")
	}
	l.asked = 0
	return nil, nil
}

func (l *login) Next([]byte) ([]byte, error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte(l.user), nil
	case 2:
		return []byte(l.password), nil
	}
	return nil, fmt.Errorf("%w: third challenge in LOGIN", ErrMalformed)
}

// NewLogin returns the server's side of LOGIN. An initial response is taken as the user's name.
func NewLogin(verify func(user, password string) error) Server {
	return &loginServer{verify: verify}
}

type loginServer struct {
	verify func(user, password string) error
	asked  int
	user   string
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	if response == nil && l.asked == 0 {
		l.asked = 1
		return []byte("Username:"), false, nil
	}
	if len(response) == 0 || len(response) > maxField || !utf8.Valid(response) || l.asked > 2 {
		l.asked = 3
		return nil, false, fmt.Errorf("%w: LOGIN", ErrMalformed)
	}
	if l.asked < 2 {
		l.asked, l.user = 2, string(response)
		return []byte("Password:"), false, nil
	}
	l.asked = 3
	if err := l.verify(l.user, string(response)); err != nil {
		return nil, false, err
	}
	return nil, true, nil
}
