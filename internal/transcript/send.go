package transcript

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// credentials sets the names that exist from the start.
func (r *runner) credentials() {
	user, password := r.target.User, r.target.Password
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	r.vars["user"], r.vars["password"] = user, password
	r.vars["plain"] = b64("\x00" + user + "\x00" + password)
	r.vars["user64"], r.vars["password64"] = b64(user), b64(password)
}

var variable = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// substitute replaces {name} in a line that is sent, and {} and {+} by the length of the literal
// that follows. In A< lines braces that are no name stay what they are.
func (r *runner) substitute(st *step, after []group) (string, error) {
	text := st.text
	if st.op == '<' {
		var err error
		if text, err = unescapeAll(text); err != nil {
			return "", err
		}
	}
	var failed error
	out := placeholders.ReplaceAllStringFunc(text, func(match string) string {
		name := match[1 : len(match)-1]
		value, known := r.vars[name]
		switch {
		case known:
			return value
		case st.op == '<':
			return match
		case name == "" || name == "+":
			if !strings.HasSuffix(text, match) || strings.Count(text, match) > 1 {
				failed = errors.New("a literal is announced at the end of a line")
			}
			size, err := r.literalAfter(st.session, after)
			if err != nil {
				failed = err
			}
			return "{" + strconv.Itoa(size) + name + "}"
		case !variable.MatchString(name):
			return match // a literal of a length that need not be true
		}
		failed = fmt.Errorf("{%s} has not been captured", name)
		return match
	})
	return out, failed
}

// literalAfter is the length of the next run of A< lines of the session.
func (r *runner) literalAfter(session string, groups []group) (size int, err error) {
	found := false
	for _, g := range groups {
		st := g.do
		if st == nil || st.session != session || st.op != '<' {
			if found || st != nil && st.session == session {
				break
			}
			continue // the continuation request
		}
		found = true
		text, err := r.substitute(st, nil)
		if err != nil {
			return 0, err
		}
		size += len(text)
	}
	if !found {
		return 0, fmt.Errorf("no %s< line follows", session)
	}
	return size, nil
}

// astring writes a value so that it can stand in a command (RFC 9051 §4.3).
func astring(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
