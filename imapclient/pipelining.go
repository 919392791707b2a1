package imapclient

// hazard is what a command does that others on their way may not put up with (RFC 9051 §5.5).
type hazard uint16

const (
	alone       hazard = 1 << iota // owns the input, or changes what all others mean
	selects                        // changes which mailbox is selected
	selected                       // acts on the selected mailbox
	usesSeq                        // names messages by sequence number
	mayExpunge                     // its reply may come with EXPUNGE, which moves sequence numbers
	readsFlags                     // its result depends on flags
	writesFlags                    // changes flags
	searches                       // answered with SEARCH, which does not say whom it is for
	lists                          // answered with LIST, likewise
	lsubs                          // answered with LSUB, likewise
	changes                        // not to be repeated when its outcome is unknown
)

// blocks reports whether a command on its way keeps another from being written.
func (first hazard) blocks(next hazard) bool {
	both := first & next
	switch {
	case (first|next)&alone != 0:
		return true
	case first&selects != 0 && next&(selected|selects) != 0, next&selects != 0 && first&selected != 0:
		return true
	case first&mayExpunge != 0 && next&usesSeq != 0:
		return true
	case first&writesFlags != 0 && next&readsFlags != 0, first&readsFlags != 0 && next&writesFlags != 0:
		return true
	}
	return both&(searches|lists|lsubs) != 0
}
