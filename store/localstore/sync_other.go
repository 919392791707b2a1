//go:build !linux

package localstore

import "os"

func fdatasync(f *os.File) error { return f.Sync() }

func allocate(f *os.File, off, n int64) error { return writeZeros(f, off, n) }
