package imapclient

type tracker struct{}

func (t *tracker) fetched(m any)  {}
func (t *tracker) grew(n uint32)  {}
func (t *tracker) expunged(n any) {}
