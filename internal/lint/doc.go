// Package lint holds the rules of the code base that the compiler does not know: which package may
// import which, that cited RFC sections exist, that a lock is released where it was taken. Its test
// checks the whole module, as part of go test ./...; the rules themselves are tested on code that
// breaks them.
//
// It also reads and formats docs/rfc-index.tsv, the list of RFC sections with what became of them and
// the files that cite them; the command rfcindex brings that list up to date.
package lint
