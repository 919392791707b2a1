package imapwire

import (
	"bytes"
	"io"
)

// ReaderOptions are the limits of a Reader. Zero fields stand for the defaults.
type ReaderOptions struct {
	MaxLine    int   // octets of one command without its literals; 64 KiB
	MaxLiteral int64 // octets of all literals of one command that are held in memory; 1 MiB
	MaxReply   int   // octets of a line that ReadLine returns; 16 KiB
	// MaxSkip is how many octets of refused literals are read and thrown away in one command that
	// the client has sent without waiting, so that the connection can go on; 1 MiB.
	MaxSkip int64
	// MaxNonSync is how many octets a literal may have that the client sends without waiting (RFC 7888
	// §5); 0: there is no limit besides the others.
	MaxNonSync int64
	// Longer, when it is not nil, is asked once in a command that goes over MaxLine or MaxLiteral. It
	// is given what has been read of the command, and returns the limits that this command has.
	Longer func(start []byte) (maxLine int, maxLiteral int64)
}

func (o ReaderOptions) withDefaults() ReaderOptions {
	if o.MaxLine <= 0 {
		o.MaxLine = 64 << 10
	}
	if o.MaxLiteral <= 0 {
		o.MaxLiteral = 1 << 20
	}
	if o.MaxReply <= 0 {
		o.MaxReply = 16 << 10
	}
	if o.MaxSkip <= 0 {
		o.MaxSkip = 1 << 20
	}
	return o
}

// idleSize is how many octets a connection waits with. It is room for most commands.
const idleSize = 64

// Reader is the server's framer: it finds the commands in what a client sends. While it waits for a
// command it holds no buffer but its own few octets. It is for one goroutine at a time.
type Reader struct {
	src io.Reader
	o   ReaderOptions

	buf    []byte // idle or the slab
	slab   *slab
	r, w   int   // what is buffered: buf[r:w]
	srcErr error // came with the last octets

	frame *slab // the command so far, when it is not one line in buf
	line  *slab // the line so far, when it is not all in buf

	maxLine    int   // for this command
	maxLiteral int64 // for this command
	extended   bool  // Longer was asked

	used    int     // octets of the command without literals
	inline  int64   // octets of the literals in the frame
	skipped int64   // octets of refused literals
	cut     int     // octets of lines that are too long
	lit     Literal // the message of APPEND
	pending bool    // lit was handed over and its command is not at its end

	idle [idleSize]byte
}

// NewReader returns a framer on a connection.
func NewReader(r io.Reader, o ReaderOptions) *Reader {
	return &Reader{src: r, o: o.withDefaults()}
}

// SetLimits replaces the limits, for instance after the login.
func (r *Reader) SetLimits(o ReaderOptions) { r.o = o.withDefaults() }

// Buffered returns how many octets have been read from the connection but not been returned yet.
// More than 0 behind a STARTTLS command is an attack (RFC 9051 §6.2.1).
func (r *Reader) Buffered() int { return r.w - r.r }

// Wait returns when the client has sent something: the first octets of a command, or of a line. They stay
// in the Reader for what reads those. Its errors are those of ReadCommand.
func (r *Reader) Wait() error {
	if err := r.abandon(); err != nil {
		return err
	}
	if r.Buffered() > 0 {
		return nil
	}
	return r.fill(true)
}

// ReadCommand returns one command without its line end, literals in place. Where the client waits
// with a synchronising literal, cont is called, to send "+" and flush. A line may end in a bare LF.
//
// For APPEND it returns with lit != nil as soon as the message is announced; the frame then ends
// with that announcement. To take the message, send "+" unless lit.NonSync, read it from ReadLiteral,
// then call ReadRest. To refuse it, answer and call ReadCommand, which skips what the client sends
// all the same.
//
// Errors: io.EOF when the connection ends between two commands, io.ErrUnexpectedEOF within one;
// ErrEndlessLine for what is not to be read any further; ErrLineTooLong and *LiteralTooBig for what is
// over the limits, with as much of the command's start in frame as Tag needs; what cont returned; what the connection returned.
//
// The frame is valid until the next call.
func (r *Reader) ReadCommand(cont func() error) (frame []byte, lit *Literal, err error) {
	if err := r.abandon(); err != nil {
		return nil, nil, err
	}
	r.reset()
	return r.read(cont, true)
}

// ReadRest goes on with a command whose message has been read, and returns what stands behind the
// message: nothing, as a rule, or the announcement of the next one (RFC 3502 §6.3.11), then with
// lit != nil. What has not been read of the message is skipped. What stands behind a message may be as
// long as a line of its own. Its errors are those of ReadCommand.
func (r *Reader) ReadRest(cont func() error) (frame []byte, lit *Literal, err error) {
	if err := r.lit.skip(); err != nil {
		return nil, nil, err
	}
	r.pending, r.used = false, 0
	return r.read(cont, false)
}

// ReadLine returns the next line without its line end: a response to a challenge of AUTHENTICATE,
// or the DONE of IDLE. It is valid until the next call.
func (r *Reader) ReadLine() ([]byte, error) {
	if err := r.abandon(); err != nil {
		return nil, err
	}
	r.reset()
	line, err := r.readLine(func([]byte) int { return r.o.MaxReply }, true)
	if err == ErrLineTooLong {
		return nil, err
	}
	return line, err
}

// ReadLiteral returns a reader of the next n octets, the message that ReadCommand announced.
func (r *Reader) ReadLiteral(n int64) io.Reader {
	r.lit.Size, r.lit.left, r.lit.src, r.lit.begun = n, n, r, true
	return &r.lit
}

// reset forgets the last command.
func (r *Reader) reset() {
	r.used, r.inline, r.skipped, r.cut, r.lit, r.pending = 0, 0, 0, 0, Literal{}, false
	r.maxLine, r.maxLiteral, r.extended = r.o.MaxLine, r.o.MaxLiteral, false
}

// extend asks for the limits of a command that goes over the usual ones. It reports whether they may
// have changed.
func (r *Reader) extend(start []byte) bool {
	if r.o.Longer == nil || r.extended {
		return false
	}
	r.extended = true
	r.maxLine, r.maxLiteral = r.o.Longer(start)
	return true
}

// abandon skips what the client still sends of a command whose message was handed over.
func (r *Reader) abandon() error {
	if !r.pending {
		return nil
	}
	r.pending = false
	switch {
	case r.lit.begun:
		if err := r.lit.skip(); err != nil {
			return err
		}
		tail, err := r.skipLine()
		if err != nil {
			return err
		}
		return r.skipRest(tail)
	case r.lit.NonSync:
		return r.skipLiteral(r.lit)
	}
	return nil // the client waits, and will not send it
}

// read collects the lines and literals of a command.
func (r *Reader) read(cont func() error, start bool) (frame []byte, lit *Literal, err error) {
	if r.frame != nil {
		r.frame.b = r.frame.b[:0]
	}
	for {
		line, err := r.readLine(r.lineRoom, start && len(r.frameBytes()) == 0)
		if err == ErrLineTooLong {
			r.collect(line[:min(len(line), headSize)])
			return r.frameBytes(), nil, r.tooLong(line)
		}
		if err != nil {
			if start && len(r.frameBytes()) == 0 && len(line) == 0 {
				return nil, nil, err
			}
			return nil, nil, unexpected(err)
		}
		r.used += len(line)
		l, at, ok := announcement(line)
		if !ok {
			if len(r.frameBytes()) == 0 {
				return line, nil, nil
			}
			r.collect(line)
			return r.frameBytes(), nil, nil
		}
		r.collect(line)
		frame := r.frameBytes()
		if limit := r.o.MaxNonSync; l.NonSync && limit > 0 && l.Size > limit {
			big := &LiteralTooBig{Tag: Tag(frame), Size: l.Size, NonSync: true}
			if err := r.skipLiteral(l); err != nil {
				return frame, nil, err
			}
			return frame, nil, big
		}
		if !start || endsInMessage(frame, len(frame)-len(line)+at) {
			r.lit, r.pending = l, true
			r.lit.src, r.lit.left = r, l.Size
			return frame, &r.lit, nil
		}
		if l.Size > r.maxLiteral-r.inline && !(r.extend(frame) && l.Size <= r.maxLiteral-r.inline) {
			big := &LiteralTooBig{Tag: Tag(frame), Size: l.Size, NonSync: l.NonSync}
			if l.NonSync {
				if err := r.skipLiteral(l); err != nil {
					return frame, nil, err
				}
			}
			return frame, nil, big
		}
		if !l.NonSync && cont != nil {
			if err := cont(); err != nil {
				return nil, nil, err
			}
		}
		if err := r.collectLiteral(l.Size); err != nil {
			return nil, nil, unexpected(err)
		}
	}
}

// minCut is how many octets of lines that are too long are read at least, to find their ends.
const minCut = 1 << 20

// headSize is how much of a line that is too long is kept for its tag.
const headSize = 64

// maxNameLen is longer than the name of any command that ends in a message.
const maxNameLen = 16

// endsInMessage reports whether the literal announced at offset at is a message that stays in the
// stream: the command ends in one, and all its arguments in front of that stand before the
// announcement.
func endsInMessage(frame []byte, at int) bool {
	_, rest, _ := bytes.Cut(frame, []byte(" "))
	name, rest, ok := bytes.Cut(rest, []byte(" "))
	uid := equalFold(name, "UID")
	if uid {
		name, rest, ok = bytes.Cut(rest, []byte(" "))
	}
	if !ok || len(name) > maxNameLen {
		return false
	}
	c := commands.find(upper(name))
	if c == nil || c.message == 0 || uid && !c.uid {
		return false
	}
	for range c.message - 1 {
		if _, rest, ok = bytes.Cut(rest, []byte(" ")); !ok {
			return false
		}
	}
	return at > len(frame)-len(rest)
}

func (r *Reader) frameBytes() []byte {
	if r.frame == nil {
		return nil
	}
	return r.frame.b
}

// collect appends to the frame.
func (r *Reader) collect(b []byte) {
	if r.frame == nil {
		r.frame = frameBuffers.get()
		r.frame.b = r.frame.b[:0]
	}
	r.frame.b = append(r.frame.b, b...)
}

// collectLiteral appends a literal to the frame, as it arrives.
func (r *Reader) collectLiteral(n int64) error {
	r.inline += n
	r.collect([]byte("\r\n"))
	for n > 0 {
		b, err := r.more(n)
		if err != nil {
			return err
		}
		r.collect(b)
		n -= int64(len(b))
	}
	return nil
}

// lineRoom returns how many octets a line of the command may have of which the start is given.
func (r *Reader) lineRoom(line []byte) int {
	if room := r.maxLine - r.used; len(line) <= room {
		return room
	}
	start := r.frameBytes()
	if len(start) == 0 {
		start = line
	}
	r.extend(start)
	return r.maxLine - r.used
}

// readLine returns the next line without its line end. limit says how many octets it may have, given
// those that have been read. Of one that is longer it returns some octets of the start and all that
// announcement needs of the end, with ErrLineTooLong. With another error it returns what there was of
// the line.
func (r *Reader) readLine(limit func([]byte) int, idle bool) ([]byte, error) {
	if r.line != nil {
		r.line.b = r.line.b[:0]
	}
	var part []byte // of the line, in r.line
	cut := false
	for {
		i := bytes.IndexByte(r.buf[r.r:r.w], '\n')
		end := r.w
		if i >= 0 {
			end = r.r + i
		}
		b := r.buf[r.r:end]
		r.r = min(end+1, r.w)
		if i >= 0 && len(part) == 0 {
			b = bytes.TrimSuffix(b, []byte("\r"))
			return limited(b, limit(b))
		}
		if len(b) > 0 {
			if r.line == nil {
				r.line = frameBuffers.get()
				r.line.b = r.line.b[:0]
			}
			r.line.b = append(r.line.b, b...)
			// One octet more than the limit may be a CR.
			if !cut && len(r.line.b) > max(limit(r.line.b), 0)+1 {
				cut = true
			}
			if cut {
				if r.cut += len(b); r.cut > max(minCut, 16*r.o.MaxLine) {
					return part, ErrEndlessLine
				}
			}
			if keep := headSize + announcementLen + 1; cut && len(r.line.b) > keep {
				n := len(r.line.b)
				copy(r.line.b[headSize:], r.line.b[n-announcementLen-1:n])
				r.line.b = r.line.b[:keep]
			}
			part = r.line.b
		}
		if i >= 0 {
			part = bytes.TrimSuffix(part, []byte("\r"))
			if cut {
				return part, ErrLineTooLong
			}
			return limited(part, limit(part))
		}
		if err := r.fill(idle && len(part) == 0); err != nil {
			return part, err
		}
	}
}

func limited(line []byte, limit int) ([]byte, error) {
	if len(line) > limit {
		return line, ErrLineTooLong
	}
	return line, nil
}

// tooLong finds the end of a command with a line that is too long.
func (r *Reader) tooLong(line []byte) error {
	if err := r.skipRest(line); err != nil {
		return err
	}
	return ErrLineTooLong
}

// skipRest finds the end of a command, of which the end of a line is given: as long as the client
// sends literals without waiting, they and the lines behind them are part of it.
func (r *Reader) skipRest(line []byte) error {
	if l, _, ok := announcement(line); ok && l.NonSync {
		return r.skipLiteral(l)
	}
	return nil
}

// skipLiteral skips a non-synchronising literal and the rest of its command.
func (r *Reader) skipLiteral(l Literal) error {
	for {
		if l.Size > r.o.MaxSkip-r.skipped {
			return &LiteralTooBig{Tag: Tag(r.frameBytes()), Size: l.Size, NonSync: true, Fatal: true}
		}
		r.skipped += l.Size
		l.src, l.left = r, l.Size
		if err := l.skip(); err != nil {
			return err
		}
		line, err := r.skipLine()
		if err != nil {
			return err
		}
		var ok bool
		if l, _, ok = announcement(line); !ok || !l.NonSync {
			return nil
		}
	}
}

// skipLine reads past a line of any length, and returns what announcement needs of its end.
func (r *Reader) skipLine() ([]byte, error) {
	line, err := r.readLine(func([]byte) int { return 0 }, false)
	if err == ErrLineTooLong {
		err = nil
	}
	return line, unexpected(err)
}

// fill reads from the connection. Nothing is buffered then. A connection that is idle waits
// without a buffer.
func (r *Reader) fill(idle bool) error {
	if err := r.srcErr; err != nil {
		r.srcErr = nil
		return err
	}
	if idle {
		r.release()
		r.buf = r.idle[:]
	} else if r.slab == nil {
		r.slab = readBuffers.get()
		r.buf = r.slab.b
	}
	r.r, r.w = 0, 0
	n, err := readSome(r.src, r.buf)
	r.w = n
	if n > 0 {
		r.srcErr, err = err, nil
	}
	return err
}

// release gives the buffers back.
func (r *Reader) release() {
	if r.slab != nil {
		readBuffers.put(r.slab)
	}
	if r.frame != nil {
		frameBuffers.put(r.frame)
	}
	if r.line != nil {
		frameBuffers.put(r.line)
	}
	r.slab, r.frame, r.line, r.buf, r.r, r.w = nil, nil, nil, nil, 0, 0
}

// more implements literalSource.
func (r *Reader) more(max int64) ([]byte, error) {
	if r.r == r.w {
		if err := r.fill(false); err != nil {
			return nil, err
		}
	}
	n := int(min(max, int64(r.w-r.r)))
	r.r += n
	return r.buf[r.r-n : r.r], nil
}

// direct implements literalSource.
func (r *Reader) direct(p []byte) (int, error) {
	if r.r < r.w {
		return 0, nil
	}
	if err := r.srcErr; err != nil {
		r.srcErr = nil
		return 0, err
	}
	return readSome(r.src, p)
}
