// Package query reads what people write to say which messages they mean: the words of a search, and
// the names of flags.
package query

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/imap"
)

// Parse makes a search key of the words of a search: all of them must match. warnings tell of words
// that look like a misspelt prefix; they are searched for as they are.
func Parse(words []string) (key imap.SearchKey, warnings []string, err error) {
	var keys []imap.SearchKey
	for _, arg := range words {
		for _, w := range splitWords(arg) {
			k, err := parseWord(w)
			if err != nil {
				return imap.All, nil, err
			}
			keys = append(keys, k)
			if name := w.unknownPrefix(); name != "" {
				warnings = append(warnings, fmt.Sprintf("there is no %s: to search by, so %q is searched for as it stands; there are %s. In quotes of its own ('\"%s\"') it is text without this warning",
					name, w.text, prefixList(), w.text))
			}
		}
	}
	switch len(keys) {
	case 0:
		return imap.All, nil, fmt.Errorf("nothing to search for")
	case 1:
		return keys[0], warnings, nil
	}
	return imap.And(keys...), warnings, nil
}

// word is one word of a search.
type word struct {
	text   string
	quoted bool // from its start, so that it has no prefix
}

// splitWords splits an argument at quotes of its own, so that 'subject:"a b" c' is two words. An
// argument without quotes is one word: the shell has split it already.
func splitWords(arg string) []word {
	if !strings.Contains(arg, `"`) {
		return []word{{text: arg}}
	}
	var words []word
	var text strings.Builder
	inside, some, quoted := false, false, false
	for _, r := range arg {
		switch {
		case r == '"':
			quoted = quoted || !some || text.String() == "-"
			inside, some = !inside, true
		case r == ' ' && !inside:
			if some {
				words = append(words, word{text.String(), quoted})
			}
			text.Reset()
			some, quoted = false, false
		default:
			text.WriteRune(r)
			some = true
		}
	}
	if some {
		words = append(words, word{text.String(), quoted})
	}
	return words
}

// unknownPrefix returns what stands before the colon of a word when it looks as if it were meant to
// say where to search, and is none of ours: letters, and not the start of a URL.
func (w word) unknownPrefix() string {
	name, value, ok := strings.Cut(strings.TrimLeft(w.text, "-"), ":")
	if !ok || w.quoted || name == "" || value == "" || strings.HasPrefix(value, "/") || strings.HasPrefix(value, " ") ||
		strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz_-") != "" || prefixes[strings.ToLower(name)] != nil {
		return ""
	}
	return name
}

// prefixList names the prefixes.
func prefixList() string {
	return strings.Join(slices.Sorted(maps.Keys(examples)), ":, ") + ":"
}

// parseWord makes a search key of one word.
func parseWord(w word) (imap.SearchKey, error) {
	if rest, ok := strings.CutPrefix(w.text, "-"); ok && rest != "" {
		k, err := parseWord(word{rest, w.quoted})
		return imap.Not(k), err
	}
	prefix, value, ok := strings.Cut(w.text, ":")
	parse := prefixes[strings.ToLower(prefix)]
	if !ok || parse == nil || w.quoted {
		if w.text == "" {
			return imap.All, fmt.Errorf("an empty word matches nothing in particular")
		}
		return imap.Text(w.text), nil
	}
	if value == "" {
		return imap.All, fmt.Errorf("%s: needs a value, like %s", prefix, examples[strings.ToLower(prefix)])
	}
	k, err := parse(value)
	if err != nil {
		return k, fmt.Errorf("%s: %w", w.text, err)
	}
	return k, nil
}

// examples show the prefixes, for errors.
var examples = map[string]string{
	"from": "from:ann", "to": "to:bob", "cc": "cc:bob", "subject": "subject:lunch", "body": "body:lunch",
	"since": "since:2026-01-31", "before": "before:2026-01-31", "on": "on:2026-01-31",
	"larger": "larger:1M", "smaller": "smaller:100k", "is": "is:unread", "keyword": "keyword:work",
}

// prefixes are the words with a meaning of their own. A word with another prefix is searched for
// as it is.
var prefixes = map[string]func(string) (imap.SearchKey, error){
	"from": text(imap.From), "to": text(imap.To), "cc": text(imap.Cc), "subject": text(imap.Subject), "body": text(imap.Body),
	"since": day(imap.SearchSince), "before": day(imap.SearchBefore), "on": day(imap.SearchOn),
	"larger": size(imap.Larger), "smaller": size(imap.Smaller),
	"is": parseIs,
	"keyword": func(s string) (imap.SearchKey, error) {
		f, err := ParseFlag(s)
		return imap.HasFlag(f), err
	},
}

func text(key func(string) imap.SearchKey) func(string) (imap.SearchKey, error) {
	return func(s string) (imap.SearchKey, error) { return key(s), nil }
}

func day(op imap.SearchOp) func(string) (imap.SearchKey, error) {
	return func(s string) (imap.SearchKey, error) {
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			err = fmt.Errorf("a day is written like 2026-01-31")
		}
		return imap.SearchKey{Op: op, Date: t}, err
	}
}

func size(key func(int64) imap.SearchKey) func(string) (imap.SearchKey, error) {
	return func(s string) (imap.SearchKey, error) {
		n, err := parseSize(s)
		return key(n), err
	}
}

// parseSize reads a number of octets such as 500, 100k or 1.5M.
func parseSize(s string) (int64, error) {
	bad := fmt.Errorf("a size is written like 500, 100k, 5M or 1G")
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(s), "b"), "i")
	unit := 1.0
	for i, u := range "kmg" {
		if rest, ok := strings.CutSuffix(digits, string(u)); ok {
			digits, unit = rest, math.Pow(1000, float64(i+1))
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n*unit < math.MaxInt32) {
		return 0, bad
	}
	return int64(n * unit), nil
}

func parseIs(s string) (imap.SearchKey, error) {
	switch strings.ToLower(s) {
	case "unread", "unseen", "new":
		return imap.Unseen(), nil
	case "read", "seen":
		return imap.HasFlag(imap.Seen), nil
	case "flagged", "starred":
		return imap.HasFlag(imap.Flagged), nil
	case "answered", "replied":
		return imap.HasFlag(imap.Answered), nil
	case "deleted":
		return imap.HasFlag(imap.Deleted), nil
	case "draft":
		return imap.HasFlag(imap.Draft), nil
	case "forwarded":
		return imap.HasFlag(imap.Forwarded), nil
	}
	return imap.All, fmt.Errorf("a message is unread, read, flagged, answered, forwarded, deleted or draft")
}
