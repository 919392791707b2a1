package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
)

// socketClient is the API of a running server.
type socketClient struct {
	client *http.Client
	dial   func(context.Context) (net.Conn, error)
}

func newSocketClient(path string) *socketClient {
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &socketClient{dial: dial, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}
}

func (a *socketClient) Close() error {
	a.client.CloseIdleConnections()
	return nil
}

// do sends a request; body is sent as JSON unless it is a reader.
func (a *socketClient) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
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
		return nil, answerError(resp)
	}
	return resp, nil
}

// answerError is the error that an answer tells of.
func answerError(resp *http.Response) error {
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return errors.New(string(bytes.TrimSpace(text)))
}

func (a *socketClient) call(ctx context.Context, method, path string, body any) error {
	resp, err := a.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (a *socketClient) AddUser(ctx context.Context, name, password string) error {
	return a.call(ctx, "POST", "/users", credentials{name, password})
}

func (a *socketClient) SetPassword(ctx context.Context, name, password string) error {
	return a.call(ctx, "PUT", "/users/password", credentials{name, password})
}

func (a *socketClient) RemoveUser(ctx context.Context, name string) error {
	return a.call(ctx, "DELETE", "/users?"+url.Values{"name": {name}}.Encode(), nil)
}

func (a *socketClient) Quota(ctx context.Context, name string) (q QuotaInfo, err error) {
	resp, err := a.do(ctx, "GET", "/users/quota?"+url.Values{"name": {name}}.Encode(), nil)
	if err != nil {
		return q, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&q)
	return q, err
}

func (a *socketClient) SetQuota(ctx context.Context, name string, limits map[imap.QuotaResource]*int64) error {
	return a.call(ctx, "PUT", "/users/quota?"+url.Values{"name": {name}}.Encode(), limits)
}

func (a *socketClient) Users(ctx context.Context) (users []UserInfo, err error) {
	resp, err := a.do(ctx, "GET", "/users", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&users)
	return users, err
}

// IMAP implements API. It does without an http.Client, whose connections cannot be ended in one
// direction only.
func (a *socketClient) IMAP(ctx context.Context, user string, connect func() (net.Conn, error)) error {
	server, err := a.dial(ctx)
	if err != nil {
		return fmt.Errorf("asking the running server: %w", err)
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://restante/imap?"+url.Values{"user": {user}}.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", upgradeIMAP)
	if err := req.Write(server); err != nil {
		return fmt.Errorf("asking the running server: %w", err)
	}
	answers := bufio.NewReader(server)
	resp, err := http.ReadResponse(answers, req)
	if err != nil {
		return fmt.Errorf("asking the running server: %w", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return answerError(resp)
	}
	client, err := connect()
	if err != nil {
		return err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.Copy(server, client)
		if half, ok := server.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}()
	_, err = io.Copy(client, answers)
	client.Close()
	<-sent
	if ctx.Err() != nil || errors.Is(err, syscall.EPIPE) {
		return nil // the client has ended it
	}
	return err
}

func (a *socketClient) Import(ctx context.Context, user string, boxes []ImportBox, next func() (int, *mailfile.Message, error), done func(ImportProgress)) error {
	pr, pw := io.Pipe()
	sent := make(chan error, 1) // why the messages ended, nil when there are no more
	go func() {
		sent <- writeMessages(pw, boxes, next)
		pw.Close() // what came before a bad message is imported
	}()
	query := url.Values{"user": {user}}
	resp, err := a.do(ctx, "POST", "/import?"+query.Encode(), pr)
	if err == nil {
		err = readProgress(resp.Body, done)
		resp.Body.Close()
	}
	pr.Close()
	return errors.Join(err, <-sent)
}

// writeMessages returns the error of a message. One of the pipe is none: who reads it says why.
func writeMessages(pw *io.PipeWriter, boxes []ImportBox, next func() (int, *mailfile.Message, error)) error {
	w := bufio.NewWriterSize(pw, 64<<10)
	if err := json.NewEncoder(w).Encode(boxes); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	for {
		box, m, err := next()
		if err != nil {
			w.Flush()
			if err == io.EOF {
				return nil
			}
			return err
		}
		if err := json.NewEncoder(w).Encode(messageHeader{box, m.Flags, m.Date, m.Size}); errors.Is(err, io.ErrClosedPipe) {
			return nil
		} else if err != nil {
			return err
		}
		if n, err := io.CopyN(w, m.Body, m.Size); errors.Is(err, io.ErrClosedPipe) {
			return nil
		} else if err != nil {
			return fmt.Errorf("message ends after %d octets: %w", n, err)
		}
	}
}

func readProgress(r io.Reader, done func(ImportProgress)) error {
	d := json.NewDecoder(r)
	for {
		var p importAnswer
		if err := d.Decode(&p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if p.Error != "" {
			return errors.New(p.Error)
		}
		done(p.ImportProgress)
	}
}
