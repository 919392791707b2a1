package mailfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"restante/imapwire"
)

// Reader reads the messages of a file or folder, one after the other; io.EOF after the last.
type Reader interface {
	Next() (*Message, error)
	Close() error
}

// Folder is a folder of mail on disk, which becomes a mailbox.
type Folder struct {
	Name       string // with "/" between levels, in UTF-8: that of .Lists.Go is Lists/Go; "" for the folder itself
	Dir        string
	Subscribed *bool // nil: nothing tells

	cyrus bool
}

// Open lists the messages of the folder, without those of its subfolders.
func (f Folder) Open() (*Maildir, error) {
	if f.cyrus {
		return openCyrus(f.Dir)
	}
	return OpenMaildir(f.Dir)
}

// Folders returns the folders of mail in dir: a Maildir with its subfolders, as Maildir++ or folders
// of the file system have them, or a part of the spool of Cyrus. None means that it is neither.
func Folders(dir string) ([]Folder, error) {
	if isCyrus(dir) {
		return cyrusFolders(dir, "")
	}
	if !IsMaildir(dir) {
		return nil, nil
	}
	// A file maildirfolder says nothing here: Dovecot puts it into INBOX as well as into subfolders.
	folders, err := maildirFolders(dir)
	if err != nil {
		return nil, err
	}
	folders = append([]Folder{{Dir: dir}}, folders...)
	subscribed, err := subscriptions(dir)
	if err != nil || subscribed == nil {
		return folders, err
	}
	for i := range folders {
		on := subscribed[folders[i].Name] || folders[i].Name == "" && subscribed["INBOX"]
		folders[i].Subscribed = &on
	}
	return folders, nil
}

// maildirFolder is the file that marks a subfolder in a Maildir++.
const maildirFolder = "maildirfolder"

// maildirFolders returns the subfolders of a Maildir: those of Maildir++, whose names start with a dot
// and have dots between levels, and those that are folders within folders.
func maildirFolders(dir string) (folders []Folder, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		name, dotted := strings.CutPrefix(e.Name(), ".")
		switch {
		case !e.IsDir():
		case dotted && (IsMaildir(sub) || exists(sub, maildirFolder)):
			folders = append(folders, Folder{Name: decodeLevels(strings.Split(name, ".")), Dir: sub})
		case !dotted && name != "cur" && name != "new" && name != "tmp":
			below, err := nestedFolders(sub, decodeName(name))
			if err != nil {
				return nil, err
			}
			folders = append(folders, below...)
		}
	}
	return folders, nil
}

// nestedFolders returns the Maildirs that are in folders of the file system.
func nestedFolders(dir, name string) (folders []Folder, err error) {
	if IsMaildir(dir) {
		folders = append(folders, Folder{Name: name, Dir: dir})
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || e.Name() == "cur" || e.Name() == "new" || e.Name() == "tmp" {
			continue
		}
		below, err := nestedFolders(filepath.Join(dir, e.Name()), name+"/"+decodeName(e.Name()))
		if err != nil {
			return nil, err
		}
		folders = append(folders, below...)
	}
	return folders, nil
}

// subscriptions returns the names of the subscribed folders as Dovecot or Courier have noted them, or
// nil when they have not.
func subscriptions(dir string) (map[string]bool, error) {
	for _, file := range []string{"subscriptions", "courierimapsubscribed"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		separator := "."
		if rest, ok := strings.CutPrefix(string(text), "V\t2\n"); ok { // Dovecot since 2.2
			separator, text = "\t", []byte(rest)
		}
		names := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\r\n")
			name := decodeLevels(strings.Split(line, separator))
			names[name] = true
			names[decodeName(line)] = true // where folders are within folders, dots are none between levels
			// Courier has all below INBOX, and so has Dovecot with such a prefix.
			if below, ok := strings.CutPrefix(name, "INBOX/"); ok {
				names[below] = true
			}
		}
		return names, nil
	}
	return nil, nil
}

// decodeLevels puts the levels of a name together, each decoded.
func decodeLevels(levels []string) string {
	for i, level := range levels {
		levels[i] = decodeName(level)
	}
	return strings.Join(levels, "/")
}

// decodeName returns the name of a folder in UTF-8. Servers write it in modified UTF-7
// (RFC 3501 §5.1.3); some write UTF-8, which is no modified UTF-7 as soon as it is not ASCII.
func decodeName(name string) string {
	return imapwire.DecodeUTF7Tolerant(name)
}

func exists(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}
