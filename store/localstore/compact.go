package localstore

func (s *Store) compact() error { return nil }
