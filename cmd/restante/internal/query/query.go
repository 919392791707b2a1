// Package query reads what people write to say which messages they mean: the words of a search, and
// the names of flags.
package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"restante/imap"
)

// Parse makes a search key of the words of a search: all of them must match.
func Parse(words []string) (imap.SearchKey, error) {
	var keys []imap.SearchKey
	for _, arg := range words {
		for _, w := range splitWords(arg) {
			k, err := parseWord(w)
			if err != nil {
				return imap.All, err
			}
			keys = append(keys, k)
		}
	}
	switch len(keys) {
	case 0:
		return imap.All, fmt.Errorf("nothing to search for")
	case 1:
		return keys[0], nil
	}
	return imap.And(keys...), nil
}

// splitWords splits an argument at quotes of its own, so that 'subject:"a b" c' is two words. An
// argument without quotes is one word: the shell has split it already.
func splitWords(arg string) []string {
	if !strings.Contains(arg, `"`) {
		return []string{arg}
	}
	var words []string
	var word strings.Builder
	quoted, some := false, false
	for _, r := range arg {
		switch {
		case r == '"':
			quoted, some = !quoted, true
		case r == ' ' && !quoted:
			if some {
				words = append(words, word.String())
			}
			word.Reset()
			some = false
		default:
			word.WriteRune(r)
			some = true
		}
	}
	if some {
		words = append(words, word.String())
	}
	return words
}

// parseWord makes a search key of one word.
func parseWord(w string) (imap.SearchKey, error) {
	if rest, ok := strings.CutPrefix(w, "-"); ok && rest != "" {
		k, err := parseWord(rest)
		return imap.Not(k), err
	}
	prefix, value, ok := strings.Cut(w, ":")
	parse := prefixes[strings.ToLower(prefix)]
	if !ok || parse == nil {
		if w == "" {
			return imap.All, fmt.Errorf("an empty word matches nothing in particular")
		}
		return imap.Text(w), nil
	}
	if value == "" {
		return imap.All, fmt.Errorf("%s: needs a value, like %s", prefix, examples[strings.ToLower(prefix)])
	}
	k, err := parse(value)
	if err != nil {
		return k, fmt.Errorf("%s: %w", w, err)
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
