package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strings"

	"restante/cmd/restante/internal/config"
	"restante/imap"
	"restante/message"
)

// savedJSON is a saved attachment.
type savedJSON struct {
	Account string   `json:"account,omitempty"`
	Mailbox string   `json:"mailbox"`
	UID     imap.UID `json:"uid"`
	attachmentJSON
	Path string `json:"path"`
}

// saveAttachments writes every attachment into a file of its own. Files that are there already
// stay as they are: a new one gets another name.
func (v *messageView) saveAttachments(ctx context.Context) error {
	m, err := v.fetch(ctx, imap.FetchStructure)
	if err != nil {
		return err
	}
	var parts []*imap.Part
	if m.Structure != nil {
		parts = message.Attachments(m.Structure)
	}
	if len(parts) == 0 {
		return v.out.Printf("the message has no attachments")
	}
	dir := config.ExpandHome(v.o.save)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, p := range parts {
		name, err := v.save(ctx, root, p)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		err = errors.Join(v.out.PrintJSON(savedJSON{v.account, v.shownName(v.mb.Name()), v.o.uid, newAttachment(p), path}), v.out.Printf("%s", path))
		if err != nil {
			return err
		}
	}
	return nil
}

// save writes one part and returns the name of the file. Nothing is left of a part that cannot be
// written.
func (v *messageView) save(ctx context.Context, root *os.Root, p *imap.Part) (name string, err error) {
	f, name, err := createNew(root, fileName(p))
	if err != nil {
		return "", err
	}
	if err = errors.Join(v.decode(ctx, p, f), f.Close()); err != nil {
		_ = root.Remove(name)
	}
	return name, err
}

// fileName returns the name to save a part by: its own, made safe, or one made of its number.
func fileName(p *imap.Part) string {
	name := strings.TrimLeft(message.Filename(p), ".-")
	if name != "" {
		return name
	}
	name = "part-" + strings.ReplaceAll(partID(p), ".", "-")
	typ := strings.ToLower(p.Type + "/" + p.Subtype)
	switch {
	case p.Is("message", "rfc822"):
		return name + ".eml"
	case p.Is("text", "plain"):
		return name + ".txt"
	}
	if exts, err := mime.ExtensionsByType(typ); err == nil && len(exts) > 0 {
		return name + exts[0]
	}
	return name + ".bin"
}

// createNew creates a file that was not there before: name, or "name (2)", and so on.
func createNew(root *os.Root, name string) (*os.File, string, error) {
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	for n := 1; n <= 1000; n++ {
		try := name
		if n > 1 {
			suffix := fmt.Sprintf(" (%d)", n)
			try = strings.ToValidUTF8(base[:min(len(base), max(0, 255-len(ext)-len(suffix)))], "") + suffix + ext
		}
		f, err := root.OpenFile(try, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, try, err
		}
	}
	return nil, "", fmt.Errorf("there are a thousand files named like %q", name)
}
