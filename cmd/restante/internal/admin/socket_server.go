package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
)

// maxSocketPath is the limit of Linux, without the NUL at the end (unix(7)); others are near it.
const maxSocketPath = 107

// Listen opens the socket at path; one that a killed server left behind is replaced. The caller holds
// the lock of the data folder, so no other server listens on it.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%s: the path of a socket can have %d octets at most; choose a shorter path for the data folder", path, maxSocketPath)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// handler serves an API over HTTP.
type handler struct {
	api API
	log *slog.Logger
}

// Handler serves an API over HTTP, and logs the changes of users.
func Handler(a API, log *slog.Logger) http.Handler {
	h := handler{a, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users", h.users)
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		c, err := readCredentials(r)
		if err == nil {
			err = a.AddUser(r.Context(), c.Name, c.Password)
		}
		h.answer(w, c.Name, "user added", "user not added", err)
	})
	mux.HandleFunc("PUT /users/password", func(w http.ResponseWriter, r *http.Request) {
		c, err := readCredentials(r)
		if err == nil {
			err = a.SetPassword(r.Context(), c.Name, c.Password)
		}
		h.answer(w, c.Name, "password set", "password not set", err)
	})
	mux.HandleFunc("DELETE /users", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		h.answer(w, name, "user removed", "user not removed", a.RemoveUser(r.Context(), name))
	})
	mux.HandleFunc("GET /users/quota", func(w http.ResponseWriter, r *http.Request) {
		q, err := a.Quota(r.Context(), r.URL.Query().Get("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(q)
	})
	mux.HandleFunc("PUT /users/quota", func(w http.ResponseWriter, r *http.Request) {
		var limits map[imap.QuotaResource]*int64
		err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&limits)
		name := r.URL.Query().Get("name")
		if err == nil {
			err = a.SetQuota(r.Context(), name, limits)
		}
		h.answer(w, name, "quota set", "quota not set", err)
	})
	mux.HandleFunc("POST /import", h.importMessages)
	mux.HandleFunc("POST /imap", h.serveIMAP)
	mux.HandleFunc("POST /move", func(w http.ResponseWriter, r *http.Request) { h.move(w, r, a.Move) })
	mux.HandleFunc("POST /move/abort", func(w http.ResponseWriter, r *http.Request) { h.move(w, r, a.AbortMove) })
	return mux
}

func readCredentials(r *http.Request) (c credentials, err error) {
	err = json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&c)
	return c, err
}

// answer tells the client and the log what has become of a change of a user.
func (h handler) answer(w http.ResponseWriter, user, done, not string, err error) {
	if err != nil {
		h.log.Warn(not, "user", user, "err", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.log.Info(done, "user", user)
	w.WriteHeader(http.StatusNoContent)
}

func (h handler) users(w http.ResponseWriter, r *http.Request) {
	users, err := h.api.Users(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(users)
}

// importMessages writes progress while messages still come in.
func (h handler) importMessages(w http.ResponseWriter, r *http.Request) {
	both := http.NewResponseController(w)
	both.EnableFullDuplex()
	in, out := bufio.NewReader(r.Body), json.NewEncoder(w)
	boxes, err := readBoxes(in)
	if err == nil {
		err = h.api.Import(r.Context(), r.URL.Query().Get("user"), boxes,
			func() (int, *mailfile.Message, error) { return readMessage(in) },
			func(p ImportProgress) {
				out.Encode(importAnswer{ImportProgress: p})
				both.Flush()
			})
	}
	if err != nil {
		out.Encode(importAnswer{Error: err.Error()})
		both.Flush()
		// The client stops when it has read that. Until then its messages are read: net/http cannot
		// end a full-duplex request of which a part is still to come.
		io.Copy(io.Discard, in)
	}
}

// serveIMAP makes the connection of a request one of IMAP.
func (h handler) serveIMAP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != upgradeIMAP {
		http.Error(w, "the connection is to become one of IMAP: ask with Upgrade: "+upgradeIMAP, http.StatusUpgradeRequired)
		return
	}
	upgraded := false
	err := h.api.IMAP(r.Context(), r.URL.Query().Get("user"), func() (net.Conn, error) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return nil, err
		}
		upgraded = true
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + upgradeIMAP + "\r\n\r\n")
		if err := rw.Flush(); err != nil || rw.Reader.Buffered() > 0 {
			nc.Close()
			return nil, errors.Join(err, errors.New("the client does not wait for the answer"))
		}
		return nc, nil
	})
	if err != nil && !upgraded {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func readBoxes(r *bufio.Reader) (boxes []ImportBox, err error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	return boxes, json.Unmarshal(line, &boxes)
}

func readMessage(r *bufio.Reader) (box int, m *mailfile.Message, err error) {
	line, err := r.ReadBytes('\n')
	if err == io.EOF && len(line) == 0 {
		return 0, nil, io.EOF
	} else if err != nil {
		return 0, nil, err
	}
	var h messageHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return 0, nil, err
	}
	return h.Box, &mailfile.Message{Flags: h.Flags, Date: h.Date, Size: h.Size, Body: io.LimitReader(r, h.Size)}, nil
}
