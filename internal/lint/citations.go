package lint

import "strings"

// citations checks that every section that a comment, document or transcript cites is in the
// index.
func citations(t *Tree) (out []string) {
	for _, f := range t.Files {
		if strings.HasSuffix(f.Path, ".tsv") || strings.HasPrefix(f.Path, "internal/lint/") && f.Test {
			continue
		}
		text := string(f.Src)
		seen := map[string]bool{}
		for _, c := range f.Citations() {
			if key := c.Key(); !t.Index[key] && !seen[key] {
				seen[key] = true
				offset := max(0, strings.Index(text, "RFC "+c.RFC))
				if i := strings.Index(text, "§"+c.Number); i >= 0 {
					offset = i
				}
				out = append(out, f.line(offset, "RFC %s has no section %s in %s", c.RFC, c.Number, IndexPath))
			}
		}
	}
	return out
}
