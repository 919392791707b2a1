package mailfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"restante/imap"
)

// keywords are those that servers keep beside a Maildir: Dovecot numbers them, and has them as small
// letters in the names of files; Courier has those of each message elsewhere.
type keywords struct {
	letters  map[byte]imap.Flag
	messages map[string][]imap.Flag // by the name of the file before ":2,"
}

// readKeywords reads what there is of keywords in a folder.
func readKeywords(dir string) (k keywords, err error) {
	if k.letters, err = dovecotKeywords(filepath.Join(dir, "dovecot-keywords")); err != nil {
		return k, err
	}
	k.messages, err = courierKeywords(filepath.Join(dir, "courierimapkeywords"))
	return k, err
}

// dovecotKeywords reads lines of a number and a keyword.
func dovecotKeywords(path string) (map[byte]imap.Flag, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	letters := map[byte]imap.Flag{}
	for line := range strings.Lines(string(text)) {
		number, name, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < 26 && isKeyword(name) {
			letters['a'+byte(n)] = imap.Flag(name)
		}
	}
	return letters, nil
}

// courierKeywords reads a folder of Courier: in ":list" there are keywords, an empty line, and lines of
// a message's file and the numbers of its keywords. A file with the name of a message, or ".N." and that
// name, has keywords that were set since, one a line; without a number it is the latest, else that with
// the highest.
func courierKeywords(dir string) (map[string][]imap.Flag, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	messages := map[string][]imap.Flag{}
	list, err := os.ReadFile(filepath.Join(dir, ":list"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	head, rest, _ := strings.Cut(string(list), "\n\n")
	names := strings.Split(head, "\n")
	for line := range strings.Lines(rest) {
		i := strings.LastIndexByte(line, ':')
		if i < 0 {
			continue
		}
		for number := range strings.FieldsSeq(line[i+1:]) {
			if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(names) && isKeyword(names[n]) {
				messages[line[:i]] = append(messages[line[:i]], imap.Flag(names[n]))
			}
		}
	}
	newest := map[string]int{}
	for _, e := range entries {
		message, number := courierUpdate(e.Name())
		if before, ok := newest[message]; e.Name() == ":list" || !e.Type().IsRegular() || ok && before > number {
			continue
		}
		newest[message] = number
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		messages[message] = nil
		for name := range strings.FieldsSeq(string(text)) {
			if isKeyword(name) {
				messages[message] = append(messages[message], imap.Flag(name))
			}
		}
	}
	return messages, nil
}

// courierUpdate splits ".N.MESSAGE"; a message alone counts as the latest.
func courierUpdate(file string) (message string, number int) {
	const latest = int(^uint(0) >> 1)
	rest, ok := strings.CutPrefix(file, ".")
	if digits, message, found := strings.Cut(rest, "."); ok && found {
		if n, err := strconv.Atoi(digits); err == nil {
			return message, n
		}
	}
	return file, latest
}

// isKeyword reports whether a message can have a name as a keyword: an atom (RFC 9051 §9,
// flag-keyword).
func isKeyword(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return name != ""
}
