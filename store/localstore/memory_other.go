//go:build !linux

package localstore

func machineMemory() int64 { return 0 }
