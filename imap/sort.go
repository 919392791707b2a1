package imap

// SortKey is what SORT orders messages by (RFC 5256 §3).
type SortKey string

// The keys of RFC 5256 §3, and the two of RFC 5957 §4.
const (
	SortArrival     SortKey = "ARRIVAL"
	SortCc          SortKey = "CC"
	SortDate        SortKey = "DATE"
	SortFrom        SortKey = "FROM"
	SortSize        SortKey = "SIZE"
	SortSubject     SortKey = "SUBJECT"
	SortTo          SortKey = "TO"
	SortDisplayFrom SortKey = "DISPLAYFROM"
	SortDisplayTo   SortKey = "DISPLAYTO"
)

// SortCriterion is a key of SORT, in ascending order or the other.
type SortCriterion struct {
	Key     SortKey
	Reverse bool
}

// ThreadAlgorithm is how THREAD finds out which messages belong together.
type ThreadAlgorithm string

// The algorithms of RFC 5256 §3, and REFS, which looks at References alone and has the thread last
// to which something was written last.
const (
	ThreadOrderedSubject ThreadAlgorithm = "ORDEREDSUBJECT"
	ThreadReferences     ThreadAlgorithm = "REFERENCES"
	ThreadRefs           ThreadAlgorithm = "REFS"
)
