package mailfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cyrusMailbox makes a mailbox with the files of testdata/cyrus, which Cyrus 3.6.1 has written, and six
// messages. change may return other files, nil to leave one out.
func cyrusMailbox(t *testing.T, change func(name string, data []byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"cyrus.header", "cyrus.index", "cyrus.expunge"} {
		data, err := os.ReadFile(filepath.Join("testdata/cyrus", name))
		if err != nil && name != "cyrus.expunge" {
			t.Fatal(err)
		}
		if data = change(name, data); data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for uid := range 6 {
		write(t, dir, map[string]string{fmt.Sprintf("%d.", uid+1): fmt.Sprintf("A: %d", uid+1)})
	}
	return dir
}

// older writes an index as Cyrus before 2.4 did: without checksums, with only those records.
func older(index []byte, uids ...uint32) []byte {
	const size = 80
	out := append([]byte(nil), index[:96]...)
	for at, n := range []uint32{9, 96, size, uint32(len(uids))} {
		binary.BigEndian.PutUint32(out[8+4*at:], n)
	}
	for _, uid := range uids {
		at := 160 + (uid-1)*112
		out = append(out, index[at:at+size]...)
		record := out[len(out)-size:]
		record[32] = 0 // in the place of flags that there were not yet
	}
	return out
}

// Flags, keywords, dates and what is expunged are read from what Cyrus has written beside its messages.
func TestCyrus(t *testing.T) {
	checked := func(b []byte) { binary.BigEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4])) }
	const (
		flagged   = `"" A: 1[] A: 2[\Seen] A: 3[\Answered \Flagged work] A: 4[\Draft todo $Label1] A: 5[\Deleted $Forwarded]`
		unseen    = `"" A: 1[] A: 2[] A: 3[\Answered \Flagged work] A: 4[\Draft todo $Label1] A: 5[\Deleted $Forwarded]`
		unflagged = `"" A: 1[] A: 2[] A: 3[] A: 4[] A: 5[] A: 6[]`
	)
	for name, tc := range map[string]struct {
		change  func(name string, data []byte) []byte
		want    string
		warning string
	}{
		"as it is": {func(_ string, data []byte) []byte { return data }, flagged, ""},
		"older keywords": {func(name string, data []byte) []byte {
			if name == "cyrus.header" {
				head, _, _ := strings.Cut(string(data), "%(")
				return []byte(head + "user.ann\t12345\ntodo $Label1 $Forwarded work\nann\tlrswipkxtecda\t\n")
			}
			return data
		}, flagged, ""},
		"a keyword that is gone": {func(name string, data []byte) []byte {
			if name == "cyrus.header" {
				return []byte(strings.Replace(string(data), "U (todo ", "U (NIL ", 1))
			}
			return data
		}, strings.Replace(flagged, "todo ", "", 1), ""},
		"before 2.4": {func(name string, data []byte) []byte {
			index, _ := os.ReadFile("testdata/cyrus/cyrus.index")
			switch name {
			case "cyrus.index":
				return older(index, 1, 2, 3, 4, 5)
			case "cyrus.expunge":
				return older(index, 6)
			}
			return data
		}, unseen, "which messages have been read is not known"},
		"version not known": {func(name string, data []byte) []byte {
			if name == "cyrus.index" {
				data[11] = 20
				checked(data[:160])
			}
			return data
		}, unflagged, "version 20"},
		"a wrong bit in the header": {func(name string, data []byte) []byte {
			if name == "cyrus.index" {
				data[100] ^= 1
			}
			return data
		}, unflagged, "cyrus.index is damaged"},
		"a wrong bit in a record": {func(name string, data []byte) []byte {
			if name == "cyrus.index" {
				data[160+112+32] ^= 1
			}
			return data
		}, unflagged, "cyrus.index is damaged"},
		"cut": {func(name string, data []byte) []byte {
			if name == "cyrus.index" {
				return data[:len(data)-1]
			}
			return data
		}, unflagged, "cyrus.index is damaged"},
		"records of no size": {func(name string, data []byte) []byte {
			if name == "cyrus.index" {
				data[19] = 0
			}
			return data
		}, unflagged, "cyrus.index is damaged"},
		"no index": {func(name string, data []byte) []byte {
			if name == "cyrus.index" {
				return nil
			}
			return data
		}, unflagged, "no such file"},
		"no header": {func(name string, data []byte) []byte {
			if name == "cyrus.header" {
				return []byte("other\n")
			}
			return data
		}, unflagged, "cyrus.header is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cyrusMailbox(t, tc.change)
			check(t, list(t, dir), tc.want)
			m, err := Folder{Dir: dir, cyrus: true}.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			warnings := strings.Join(m.Warnings(), "\n")
			if !strings.Contains(warnings, tc.warning) || tc.warning == "" && warnings != "" || tc.warning != "" && !strings.Contains(warnings, "IMAP") {
				t.Errorf("warnings: %s", warnings)
			}
		})
	}
}

// A message was received when the index says so, whatever has become of its file since.
func TestCyrusDates(t *testing.T) {
	dir := cyrusMailbox(t, func(_ string, data []byte) []byte { return data })
	m, err := Folder{Dir: dir, cyrus: true}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for day := 1; ; day++ {
		msg, err := m.Next()
		if err == io.EOF && day == 6 {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if want := time.Date(2026, 11, day, 9, 0, 0, 0, time.UTC); !msg.Date.Equal(want) {
			t.Errorf("message %d: %v", day, msg.Date)
		}
	}
}
