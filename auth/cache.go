package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// cache remembers that a password was right, so that the hash is not paid at every login. It
// knows a keyed digest of name, secret and password; the key is this process's own and random. A
// changed secret is another digest, so nothing has to be invalidated.
type cache struct {
	key  []byte
	ttl  time.Duration
	size int
	mu   struct {
		sync.Mutex
		until map[digest]time.Time
	}
}

type digest [sha256.Size]byte

func newCache(size int, ttl time.Duration) *cache {
	c := &cache{key: make([]byte, 32), ttl: ttl, size: size}
	rand.Read(c.key)
	c.mu.until = make(map[digest]time.Time)
	return c
}

func (c *cache) digest(name string, secret []byte, password string) digest {
	mac := hmac.New(sha256.New, c.key)
	// Lengths keep the parts apart.
	var lengths [16]byte
	binary.BigEndian.PutUint64(lengths[:8], uint64(len(name)))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(secret)))
	mac.Write(lengths[:])
	mac.Write([]byte(name))
	mac.Write(secret)
	mac.Write([]byte(password))
	var d digest
	mac.Sum(d[:0])
	return d
}

func (c *cache) has(d digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.mu.until[d]
	if ok && !time.Now().Before(until) {
		delete(c.mu.until, d)
		return false
	}
	return ok
}

// add remembers d for the cache's time from now. When the cache is full, another entry goes,
// whichever comes first: the worst is that somebody's next login pays the hash.
func (c *cache) add(d digest) {
	if c.ttl <= 0 || c.size <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.until) >= c.size {
		for old := range c.mu.until {
			delete(c.mu.until, old)
			break
		}
	}
	c.mu.until[d] = time.Now().Add(c.ttl)
}
