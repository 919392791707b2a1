package localstore

// Err returns why the store takes no more changes, such as a disk that failed, or nil.
func (s *Store) Err() error { return s.failed() }
