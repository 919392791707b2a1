package imap

import "time"

// SearchKey is a node of a search program (RFC 9051 §6.4.4). Build it with the functions below;
// the server's parser builds the same tree from the wire. A key of an extension uses the fields
// that fit.
type SearchKey struct {
	Op   SearchOp
	Keys []SearchKey // SearchAnd: any number, SearchOr: two, SearchNot: one
	Name string      // HEADER: the field name
	Text string      // what BCC, BODY, CC, FROM, HEADER, SUBJECT, TEXT, TO look for; raw text of SearchRaw
	Flag Flag        // KEYWORD, UNKEYWORD
	Date time.Time   // BEFORE, ON, SINCE, SENTBEFORE, SENTON, SENTSINCE and those of RFC 8514 §4.3: midnight UTC of the day meant
	Size int64       // LARGER, SMALLER: octets; OLDER, YOUNGER: seconds
	Set  NumSet      // SearchSeq: SeqSet or SearchResult; SearchUID: UIDSet or SearchResult

	ModSeq ModSeq // MODSEQ, with the entry's name in Name and its type, "ALL", "PRIV" or "SHARED", in Text
}

// SearchOp is the kind of a SearchKey: the word it is written with, or one of the structural ones.
type SearchOp string

// The structural operators.
const (
	SearchAnd SearchOp = "()"  // all of Keys
	SearchOr  SearchOp = "OR"  // either of two Keys
	SearchNot SearchOp = "NOT" // not Keys[0]
	SearchSeq SearchOp = "SEQ" // messages with these sequence numbers, or "$"
	SearchUID SearchOp = "UID"
	SearchRaw SearchOp = "RAW" // Text is sent as it stands; servers never see it
)

// The search keys of RFC 9051 §6.4.4; NEW, OLD and RECENT are of RFC 3501 §6.4.4.
const (
	SearchAll        SearchOp = "ALL"
	SearchAnswered   SearchOp = "ANSWERED"
	SearchBcc        SearchOp = "BCC"
	SearchBefore     SearchOp = "BEFORE"
	SearchBody       SearchOp = "BODY"
	SearchCc         SearchOp = "CC"
	SearchDeleted    SearchOp = "DELETED"
	SearchDraft      SearchOp = "DRAFT"
	SearchFlagged    SearchOp = "FLAGGED"
	SearchFrom       SearchOp = "FROM"
	SearchHeader     SearchOp = "HEADER"
	SearchKeyword    SearchOp = "KEYWORD"
	SearchLarger     SearchOp = "LARGER"
	SearchNew        SearchOp = "NEW"
	SearchOld        SearchOp = "OLD"
	SearchOn         SearchOp = "ON"
	SearchRecent     SearchOp = "RECENT"
	SearchSeen       SearchOp = "SEEN"
	SearchSentBefore SearchOp = "SENTBEFORE"
	SearchSentOn     SearchOp = "SENTON"
	SearchSentSince  SearchOp = "SENTSINCE"
	SearchSince      SearchOp = "SINCE"
	SearchSmaller    SearchOp = "SMALLER"
	SearchSubject    SearchOp = "SUBJECT"
	SearchText       SearchOp = "TEXT"
	SearchTo         SearchOp = "TO"
	SearchUnanswered SearchOp = "UNANSWERED"
	SearchUndeleted  SearchOp = "UNDELETED"
	SearchUndraft    SearchOp = "UNDRAFT"
	SearchUnflagged  SearchOp = "UNFLAGGED"
	SearchUnkeyword  SearchOp = "UNKEYWORD"
	SearchUnseen     SearchOp = "UNSEEN"
)

// SearchModSeq is the search key of RFC 7162 §3.1.5.
const SearchModSeq SearchOp = "MODSEQ"

// The search keys of OBJECTID (RFC 8474 §6); Text is the ID.
const (
	SearchEmailID  SearchOp = "EMAILID"
	SearchThreadID SearchOp = "THREADID"
)

// The search keys of RFC 5032 §2, which compare the internal date with the time of the server, and
// those of RFC 8514 §4.3, which compare when a message came into its mailbox.
const (
	SearchOlder   SearchOp = "OLDER"
	SearchYounger SearchOp = "YOUNGER"

	SearchSavedBefore       SearchOp = "SAVEDBEFORE"
	SearchSavedOn           SearchOp = "SAVEDON"
	SearchSavedSince        SearchOp = "SAVEDSINCE"
	SearchSaveDateSupported SearchOp = "SAVEDATESUPPORTED"
)

// All matches every message.
var All = SearchKey{Op: SearchAll}

// And matches what all keys match.
func And(keys ...SearchKey) SearchKey { return SearchKey{Op: SearchAnd, Keys: keys} }

// Or matches what any of the keys matches.
func Or(a, b SearchKey, more ...SearchKey) SearchKey {
	k := SearchKey{Op: SearchOr, Keys: []SearchKey{a, b}}
	for _, m := range more {
		k = SearchKey{Op: SearchOr, Keys: []SearchKey{k, m}}
	}
	return k
}

// Not matches what k does not match.
func Not(k SearchKey) SearchKey { return SearchKey{Op: SearchNot, Keys: []SearchKey{k}} }

// From, To, Cc, Subject, Body and Text look for a substring, without regard to case.
func From(s string) SearchKey    { return SearchKey{Op: SearchFrom, Text: s} }
func To(s string) SearchKey      { return SearchKey{Op: SearchTo, Text: s} }
func Cc(s string) SearchKey      { return SearchKey{Op: SearchCc, Text: s} }
func Subject(s string) SearchKey { return SearchKey{Op: SearchSubject, Text: s} }
func Body(s string) SearchKey    { return SearchKey{Op: SearchBody, Text: s} }
func Text(s string) SearchKey    { return SearchKey{Op: SearchText, Text: s} }

// Header matches messages that have the field, with a value that contains s unless s is "".
func Header(name, s string) SearchKey { return SearchKey{Op: SearchHeader, Name: name, Text: s} }

// HasFlag matches messages that carry the flag.
func HasFlag(f Flag) SearchKey {
	for op, g := range map[SearchOp]Flag{SearchAnswered: Answered, SearchDeleted: Deleted,
		SearchDraft: Draft, SearchFlagged: Flagged, SearchSeen: Seen, SearchRecent: Recent} {
		if f.Equal(g) {
			return SearchKey{Op: op}
		}
	}
	return SearchKey{Op: SearchKeyword, Flag: f}
}

// Unseen matches messages without \Seen.
func Unseen() SearchKey { return SearchKey{Op: SearchUnseen} }

// Since and Before compare the day of the internal date, without regard to the time zone
// (RFC 9051 §6.4.4).
func Since(t time.Time) SearchKey  { return SearchKey{Op: SearchSince, Date: t} }
func Before(t time.Time) SearchKey { return SearchKey{Op: SearchBefore, Date: t} }

// Larger and Smaller compare RFC822.SIZE, in octets.
func Larger(n int64) SearchKey  { return SearchKey{Op: SearchLarger, Size: n} }
func Smaller(n int64) SearchKey { return SearchKey{Op: SearchSmaller, Size: n} }

// InSet matches the messages of the set: a UIDSet, a SeqSet or SearchResult.
func InSet(s NumSet) SearchKey {
	if _, ok := s.(UIDSet); ok {
		return SearchKey{Op: SearchUID, Set: s}
	}
	return SearchKey{Op: SearchSeq, Set: s}
}

// RawQuery is sent as it stands, for keys that this package has no name for.
func RawQuery(s string) SearchKey { return SearchKey{Op: SearchRaw, Text: s} }
