//go:build !linux

package localstore

import "os"

func fdatasync(f *os.File) error { return f.Sync() }
