//go:build !race

package imapwire

import "testing"

// The aims for few allocations hold without the race detector, under which sync.Pool forgets at
// random.
func TestAllocations(t *testing.T) {
	for _, x := range []struct {
		name  string
		frame []byte
		most  float64
	}{
		{"ENVELOPE", envelopeFrame, 4}, {"ENVELOPE with encoded words", encodedFrame, 5}, {"BODYSTRUCTURE", structureFrame, 6},
		{"FLAGS", flagsFrame, 2}, {"BODY[]", bodyFrame, 4},
	} {
		got := testing.AllocsPerRun(100, func() { ParseResponse(x.frame, nil) })
		if got > x.most {
			t.Errorf("%s: %v allocations, want at most %v", x.name, got, x.most)
		}
	}
}
