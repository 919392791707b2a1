package imapclient

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(cannedServer) != "" {
		serveCanned() // a child of a benchmark
		return
	}
	goleak.VerifyTestMain(m)
}
