package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestConfigHelp loads the example that 'restante help config' shows: it must be right, and show
// every key of the [server] table.
func TestConfigHelp(t *testing.T) {
	var text strings.Builder
	for line := range strings.Lines(NewHelp().Long) {
		if example, ok := strings.CutPrefix(line, "  "); ok {
			text.WriteString(strings.TrimPrefix(example, "# "))
		}
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, &text)
	}
	for _, table := range []any{c.Server, c.Server.Limits} {
		v := reflect.ValueOf(table)
		for i := range v.NumField() {
			if f := v.Type().Field(i); v.Field(i).IsZero() && f.Name != "AllowPlaintext" {
				t.Errorf("%s is not shown", f.Tag.Get("toml"))
			}
		}
	}
	if c.DefaultAccount != "home" || len(c.Accounts) != 2 || time.Duration(c.Server.Limits.IdleTimeout) != 30*time.Minute {
		t.Errorf("%+v", c)
	}
}
