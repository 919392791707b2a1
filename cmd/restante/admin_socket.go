package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"restante/imap"
)

// A running server answers HTTP on a socket in its data folder, which only its own user can open.
//
//	GET    /users                       []userInfo
//	POST   /users                       {"name", "password"}
//	PUT    /users/NAME/password         {"password"}
//	DELETE /users/NAME
//	POST   /import?user=U&mailbox=M     for each message importHeader as a line of JSON, then its
//	                                    octets; the answer is a line of JSON for each group
//
// An error is a status of 400 or above and its text, or a last line {"error"}.

type credentials struct {
	Name     string `json:"name,omitempty"`
	Password string `json:"password"`
}

type importHeader struct {
	Flags []imap.Flag `json:"flags,omitempty"`
	Date  time.Time   `json:"date,omitzero"`
	Size  int64       `json:"size"`
}

type importProgress struct {
	Done  int    `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// maxSocketPath is the limit of Linux, without the NUL at the end (unix(7)); others are near it.
const maxSocketPath = 107

// listenAdmin opens the socket; one that a killed server left behind is replaced. The caller holds
// the lock of the data folder, so no other server listens on it.
func listenAdmin(path string) (net.Listener, error) {
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

// adminHandler serves an admin over HTTP.
func adminHandler(a admin, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, r *http.Request) {
		users, err := a.Users(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(users)
	})
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		var c credentials
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&c)
		if err == nil {
			err = a.AddUser(r.Context(), c.Name, c.Password)
		}
		log.Info("user added", "user", c.Name, "err", err)
		answer(w, err)
	})
	mux.HandleFunc("PUT /users/{name}/password", func(w http.ResponseWriter, r *http.Request) {
		var c credentials
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&c)
		if err == nil {
			err = a.SetPassword(r.Context(), r.PathValue("name"), c.Password)
		}
		log.Info("password set", "user", r.PathValue("name"), "err", err)
		answer(w, err)
	})
	mux.HandleFunc("DELETE /users/{name}", func(w http.ResponseWriter, r *http.Request) {
		err := a.RemoveUser(r.Context(), r.PathValue("name"))
		log.Info("user removed", "user", r.PathValue("name"), "err", err)
		answer(w, err)
	})
	mux.HandleFunc("POST /import", func(w http.ResponseWriter, r *http.Request) {
		// Progress is written while messages still come in.
		http.NewResponseController(w).EnableFullDuplex()
		in, out := bufio.NewReader(r.Body), json.NewEncoder(w)
		err := a.Import(r.Context(), r.URL.Query().Get("user"), r.URL.Query().Get("mailbox"),
			func() (*importMessage, error) { return readImport(in) },
			func(n int) {
				out.Encode(importProgress{Done: n})
				http.NewResponseController(w).Flush()
			})
		if err != nil {
			out.Encode(importProgress{Error: err.Error()})
		}
	})
	return mux
}

func readImport(r *bufio.Reader) (*importMessage, error) {
	line, err := r.ReadBytes('\n')
	if err == io.EOF && len(line) == 0 {
		return nil, io.EOF
	} else if err != nil {
		return nil, err
	}
	var h importHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, err
	}
	return &importMessage{Flags: h.Flags, Date: h.Date, Size: h.Size, Body: io.LimitReader(r, h.Size)}, nil
}

// socketAdmin is the admin of a running server.
type socketAdmin struct{ client *http.Client }

func newSocketAdmin(path string) *socketAdmin {
	return &socketAdmin{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

func (a *socketAdmin) Close() error {
	a.client.CloseIdleConnections()
	return nil
}

// do sends a request; body is sent as JSON unless it is a reader.
func (a *socketAdmin) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	switch body := body.(type) {
	case nil:
	case io.Reader:
		r = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://restante"+path, r)
	if err != nil {
		return nil, err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the running server: %w", err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return nil, errors.New(string(bytes.TrimSpace(text)))
	}
	return resp, nil
}

func (a *socketAdmin) call(ctx context.Context, method, path string, body any) error {
	resp, err := a.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (a *socketAdmin) AddUser(ctx context.Context, name, password string) error {
	return a.call(ctx, "POST", "/users", credentials{name, password})
}

func (a *socketAdmin) SetPassword(ctx context.Context, name, password string) error {
	return a.call(ctx, "PUT", "/users/"+url.PathEscape(name)+"/password", credentials{Password: password})
}

func (a *socketAdmin) RemoveUser(ctx context.Context, name string) error {
	return a.call(ctx, "DELETE", "/users/"+url.PathEscape(name), nil)
}

func (a *socketAdmin) Users(ctx context.Context) (users []userInfo, err error) {
	resp, err := a.do(ctx, "GET", "/users", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&users)
	return users, err
}

func (a *socketAdmin) Import(ctx context.Context, user, mailbox string, next func() (*importMessage, error), done func(int)) error {
	pr, pw := io.Pipe()
	sent := make(chan error, 1) // why the messages ended, nil when there are no more
	go func() {
		err := writeImport(pw, next)
		if err == io.ErrClosedPipe {
			err = nil // the server has said why
		}
		sent <- err
		pw.Close() // what came before a bad message is imported
	}()
	query := url.Values{"user": {user}, "mailbox": {mailbox}}
	resp, err := a.do(ctx, "POST", "/import?"+query.Encode(), pr)
	if err == nil {
		err = readProgress(resp.Body, done)
		resp.Body.Close()
	}
	pr.Close()
	return errors.Join(err, <-sent)
}

func writeImport(pw *io.PipeWriter, next func() (*importMessage, error)) error {
	w := bufio.NewWriterSize(pw, 64<<10)
	for {
		m, err := next()
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		if err := json.NewEncoder(w).Encode(importHeader{m.Flags, m.Date, m.Size}); err != nil {
			return err
		}
		if n, err := io.CopyN(w, m.Body, m.Size); err != nil {
			return fmt.Errorf("message ends after %d octets: %w", n, err)
		}
	}
}

func readProgress(r io.Reader, done func(int)) error {
	d := json.NewDecoder(r)
	for {
		var p importProgress
		if err := d.Decode(&p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if p.Error != "" {
			return errors.New(p.Error)
		}
		done(p.Done)
	}
}
