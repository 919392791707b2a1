// Package blob says what an object store is that holds the bodies of messages: the interface that
// s3blob and fsblob implement, the keys, and a cache of bodies on a local disk. blobtest tests
// drivers.
//
// # Invariants
//
//   - A key is never used twice, so whatever deletes an object late cannot hit another one.
//   - What Put has returned for without an error survives the loss of what the store promises to
//     survive; an object is there as a whole or not at all.
//   - Nobody deletes anything because the store has failed to answer.
//   - A Body has the octets whose hash was asked for; the cache's folder may be deleted at any time.
package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// ErrNotFound says that there is no such object.
var ErrNotFound = errors.New("blob: no such object")

// Store is an object store. Its methods may be called concurrently.
type Store interface {
	// Put stores size octets of body under a key that was not used before. When it fails the
	// object may be there or not, or turn up later: who tries again takes another key. body is
	// read from its beginning, perhaps several times; when it has fewer octets there is no object.
	Put(ctx context.Context, key Key, body io.ReaderAt, size int64) error
	// Open reads an object from an offset on, in octets; from its end on there are none.
	// ErrNotFound, also from the reader. What ends early ends with an error, never with io.EOF.
	Open(ctx context.Context, key Key, offset int64) (io.ReadCloser, error)
	// Delete removes objects. Those that are not there are no error.
	Delete(ctx context.Context, keys ...Key) error
	// List yields the objects of a generation, in any order, and ends with the first error.
	List(ctx context.Context, generation Generation) iter.Seq2[Object, error]
	// Check reports whether the store is there and may be used, in words that say what to do.
	Check(ctx context.Context) error
	// Close gives connections back.
	Close() error
}

// Object is what List tells of an object.
type Object struct {
	Key  Key
	Size int64 // octets
}

// Key names an object: generation/account/random, in hexadecimal digits.
type Key string

// Generation is when a key was made, in days since 1970 by the clock of whoever decides about
// orphans. Objects of young generations may be on their way into a message; only those that are
// older can be orphans.
type Generation uint32

// GenerationAt returns the generation of a moment.
func GenerationAt(t time.Time) Generation { return Generation(t.Unix() / (24 * 60 * 60)) }

// Prefix is what the keys of the generation begin with.
func (g Generation) Prefix() string { return fmt.Sprintf("%08x/", uint32(g)) }

// NewKey returns a key that nobody has used.
func NewKey(g Generation, account uint64) Key {
	var random [16]byte
	rand.Read(random[:])
	return Key(fmt.Sprintf("%s%016x/%x", g.Prefix(), account, random))
}

// ErrBadKey says that something is not a key.
var ErrBadKey = errors.New("blob: not a key")

// Parse takes a key apart. ErrBadKey.
func (k Key) Parse() (g Generation, account uint64, err error) {
	parts := strings.Split(string(k), "/")
	bad := fmt.Errorf("%w: %.80q", ErrBadKey, string(k))
	if len(parts) != 3 || len(parts[0]) != 8 || len(parts[1]) != 16 || len(parts[2]) != 32 || strings.ToLower(string(k)) != string(k) {
		return 0, 0, bad
	}
	n, err := strconv.ParseUint(parts[0], 16, 32)
	if err != nil {
		return 0, 0, bad
	}
	if account, err = strconv.ParseUint(parts[1], 16, 64); err != nil {
		return 0, 0, bad
	}
	if _, err := hex.DecodeString(parts[2]); err != nil {
		return 0, 0, bad
	}
	return Generation(n), account, nil
}
