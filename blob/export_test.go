package blob

import "context"

// SetPause replaces the pauses between attempts.
func (c *Cache) SetPause(pause func(ctx context.Context, attempt int) error) { c.pause = pause }

// Size returns the octets that the cache counts for its files.
func (c *Cache) Size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.size
}

// Interested returns how many wait for a key.
func (c *Cache) Interested(key Key) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o, f := range c.mu.fetches {
		if o.key == key {
			n += f.waiting
		}
	}
	return n
}
