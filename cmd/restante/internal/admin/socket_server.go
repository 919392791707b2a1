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

// Handler serves an API over HTTP, and logs the changes of users.
func Handler(a API, log *slog.Logger) http.Handler {
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
			func() (*mailfile.Message, error) { return readMessage(in) },
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

func readMessage(r *bufio.Reader) (*mailfile.Message, error) {
	line, err := r.ReadBytes('\n')
	if err == io.EOF && len(line) == 0 {
		return nil, io.EOF
	} else if err != nil {
		return nil, err
	}
	var h messageHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, err
	}
	return &mailfile.Message{Flags: h.Flags, Date: h.Date, Size: h.Size, Body: io.LimitReader(r, h.Size)}, nil
}
