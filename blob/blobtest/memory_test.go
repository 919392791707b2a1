package blobtest

import (
	"testing"

	"restante/blob"
)

func TestMemory(t *testing.T) { Run(t, func(*testing.T) blob.Store { return NewMemory() }) }
