package imapwire

// table is what the files of this package have registered of one kind - commands, FETCH items,
// response codes - by name. An extension is a file that adds its rows in an init function; what a
// table does not hold, the grammar does not know.
//
// Rows are found for every item of every response, so a name is hashed by no more than its length
// and its ends, which tells nearly all names of the grammar apart.
type table[R any] struct {
	all    []entry[R] // in the order in which they were added
	hashed [64][]entry[R]
}

type entry[R any] struct {
	name string
	row  R
}

func nameHash(name string) uint {
	if name == "" {
		return 0
	}
	return (uint(len(name)) + 7*uint(name[0]) + 29*uint(name[len(name)-1])) % 64
}

// add registers a row. Two rows of one name would be two extensions that do not go together.
func (t *table[R]) add(name string, row R) {
	if t.find(name) != nil {
		panic("imapwire: " + name + " is registered twice")
	}
	e := entry[R]{name, row}
	t.all = append(t.all, e)
	h := nameHash(name)
	t.hashed[h] = append(t.hashed[h], e)
	intern(name)
}

// find returns the row of a name, which is in upper case, or nil.
func (t *table[R]) find(name string) *R {
	bucket := t.hashed[nameHash(name)]
	for i := range bucket {
		if bucket[i].name == name {
			return &bucket[i].row
		}
	}
	return nil
}

// upper returns a copy in which ASCII letters are in upper case. The names of the grammar cost no
// allocation.
func upper(b []byte) string {
	var small [32]byte
	up := append(small[:0], b...)
	for i, c := range up {
		if c >= 'a' && c <= 'z' {
			up[i] = c - 0x20
		}
	}
	if s, ok := names[string(up)]; ok {
		return s
	}
	return string(up)
}

// names are the words of commands, each under itself.
var names map[string]string // made by intern, which package variables use too

// intern makes words cost no allocation when a command holds them.
func intern(words ...string) {
	if names == nil {
		names = make(map[string]string)
	}
	for _, w := range words {
		names[w] = w
	}
}
