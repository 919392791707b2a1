package mailfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"restante/imap"
)

// cyrusMessage is what Cyrus has noted of a message, beside its file.
type cyrusMessage struct {
	flags    []imap.Flag
	received time.Time
	expunged bool // the file is only left until it is cleaned up
}

// Versions of cyrus.index, which is the same in all of them as far as it is read here: a header of fields
// of four octets, then a record for each message. All numbers are in network byte order.
const (
	cyrusLatest    = 19 // the latest one that is known
	cyrusWithSeen  = 12 // since Cyrus 2.4: \Seen of the mailbox's owner, expunged messages, checksums
	cyrusMaxFlags  = 128
	cyrusMinRecord = 52       // octets, up to the keywords
	cyrusMaxRecord = 64 << 10 // octets that a header or a record is believed to have
)

// cyrusFlags are the flags of a record's lowest bits of system flags; \Seen is not in older versions.
var cyrusFlags = []imap.Flag{imap.Answered, imap.Flagged, imap.Deleted, imap.Draft, imap.Seen}

// cyrusExpunged are the bits of messages that are expunged, and of those whose file is gone, too.
const cyrusExpunged = 1<<31 | 1<<30

// readCyrus reads what a mailbox of Cyrus tells of its messages, by UID, and the version of the mailbox.
func readCyrus(dir string) (messages map[uint32]cyrusMessage, version uint32, err error) {
	keywords, err := cyrusKeywords(filepath.Join(dir, "cyrus.header"))
	if err != nil {
		return nil, 0, err
	}
	messages = map[uint32]cyrusMessage{}
	if version, err = cyrusIndex(filepath.Join(dir, "cyrus.index"), keywords, messages); err != nil {
		return nil, 0, err
	}
	if version < cyrusWithSeen {
		expunged := map[uint32]cyrusMessage{}
		if _, err := cyrusIndex(filepath.Join(dir, "cyrus.expunge"), nil, expunged); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
		for uid := range expunged {
			messages[uid] = cyrusMessage{expunged: true}
		}
	}
	return messages, version, nil
}

// cyrusIndex reads an index, or the file of the same form that older versions have for expunged messages.
func cyrusIndex(path string, keywords []imap.Flag, messages map[uint32]cyrusMessage) (version uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	damaged := fmt.Errorf("%s is damaged", filepath.Base(path))
	header, err := r.Peek(24)
	if err != nil {
		return 0, damaged
	}
	field := func(b []byte, at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	version = field(header, 8)
	start, size, count := field(header, 12), field(header, 16), field(header, 20)
	if version == 0 || version > cyrusLatest {
		return 0, fmt.Errorf("%s has version %d of its format, of which versions to %d are known", filepath.Base(path), version, cyrusLatest)
	}
	if start < uint32(len(header)) || start > cyrusMaxRecord || size < cyrusMinRecord || size > cyrusMaxRecord {
		return 0, damaged
	}
	header = make([]byte, start)
	if !readChecked(r, header, version) {
		return 0, damaged
	}
	record := make([]byte, size)
	last := uint32(0)
	for range count {
		if !readChecked(r, record, version) || field(record, 0) <= last {
			return 0, damaged
		}
		last = field(record, 0)
		m := cyrusMessage{received: time.Unix(int64(field(record, 4)), 0)}
		system := field(record, 32)
		m.expunged = version >= cyrusWithSeen && system&cyrusExpunged != 0
		for bit, flag := range cyrusFlags {
			if system&(1<<bit) != 0 && (flag != imap.Seen || version >= cyrusWithSeen) {
				m.flags = append(m.flags, flag)
			}
		}
		for n, keyword := range keywords {
			if keyword != "" && field(record, 36+n/32*4)&(1<<(n%32)) != 0 {
				m.flags = append(m.flags, keyword)
			}
		}
		messages[last] = m
	}
	return version, nil
}

// readChecked reads a header or a record, which ends with a checksum of the rest.
func readChecked(r io.Reader, b []byte, version uint32) bool {
	if _, err := io.ReadFull(r, b); err != nil {
		return false
	}
	rest := b[:len(b)-4]
	return version < cyrusWithSeen || crc32.ChecksumIEEE(rest) == binary.BigEndian.Uint32(b[len(rest):])
}

// cyrusKeywords reads the names of a mailbox's keywords, by their number; "" is one that is not used.
// They are in cyrus.header behind three lines that say what it is: on the second line that follows, or,
// since Cyrus 3.6, in the list behind U.
func cyrusKeywords(path string) ([]imap.Flag, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitN(string(text), "\n", 6)
	if len(lines) < 5 || !bytes.HasPrefix(text, []byte("\xa1\x02\x8b\rCyrus mailbox header\n")) {
		return nil, errors.New("cyrus.header is damaged")
	}
	names := strings.Split(lines[4], " ")
	if list, ok := strings.CutPrefix(lines[3], "%("); ok {
		names = nil
		if i := strings.LastIndex(list, " U ("); i >= 0 {
			list, _, _ = strings.Cut(list[i+len(" U ("):], ")")
			names = strings.Split(list, " ")
		}
	}
	if len(names) > cyrusMaxFlags {
		return nil, errors.New("cyrus.header is damaged")
	}
	keywords := make([]imap.Flag, len(names))
	for i, name := range names {
		if isKeyword(name) && name != "NIL" {
			keywords[i] = imap.Flag(name)
		}
	}
	return keywords, nil
}
