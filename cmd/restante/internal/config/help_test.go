package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/mailbox"
)

// TestReference loads what 'restante help config' prints: it must be right, and show every key with what
// it means.
func TestReference(t *testing.T) {
	text := regexp.MustCompile(`(?m)^  `).ReplaceAllString(reference(), "")
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if help := NewHelp().Long; !strings.Contains(help, reference()) || !strings.Contains(help, PathVariable) {
		t.Errorf("the help is\n%s", help)
	}
	keys := 0
	var table func(name string, v reflect.Value)
	table = func(name string, v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			key := f.Tag.Get("toml")
			if key == "-" {
				continue
			}
			keys++
			if f.Tag.Get("doc") == "" {
				t.Errorf("%s%s is not explained", name, key)
			}
			switch {
			case f.Type.Kind() == reflect.Struct:
				table(name+key+".", v.Field(i))
			case f.Type.Kind() == reflect.Map:
				if len(v.Field(i).MapKeys()) != 1 {
					t.Fatalf("%s%s has not one example", name, key)
				}
				table(name+key+".NAME.", v.Field(i).MapIndex(reflect.ValueOf("NAME")))
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				if v.Field(i).Len() != 1 {
					t.Fatalf("%s%s has not one example", name, key)
				}
				table(name+key+".", v.Field(i).Index(0))
			case !regexp.MustCompile(`(?m)^` + key + ` = `).MatchString(text):
				t.Errorf("%s%s is not shown", name, key)
			case v.Field(i).IsZero() && f.Type.Kind() != reflect.Bool:
				t.Errorf("%s%s has no example", name, key)
			}
		}
	}
	table("", reflect.ValueOf(*c))
	if keys < 40 {
		t.Errorf("only %d keys", keys)
	}
	for _, line := range strings.Split(NewHelp().Long, "\n") {
		if len(line) > 88 {
			t.Errorf("too long: %s", line)
		}
	}
}

// TestDefaults compares the defaults that the reference tells with those in the code of the server.
func TestDefaults(t *testing.T) {
	tagOf := func(table any, field, tag string) string {
		f, ok := reflect.TypeOf(table).FieldByName(field)
		if !ok {
			t.Fatalf("no field %s", field)
		}
		return f.Tag.Get(tag)
	}
	limits, err := os.ReadFile("../../../../imapserver/server.go")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, m := range regexp.MustCompile(`def\w*\(&l\.(\w+), (.+)\)\n`).FindAllStringSubmatch(string(limits), -1) {
		want := ""
		var n, shift int
		if _, err := fmt.Sscanf(m[2], "%d*time.Minute", &n); err == nil {
			want = fmt.Sprintf("%dm", n)
		} else if _, err := fmt.Sscanf(m[2], "%d<<%d", &n, &shift); err == nil {
			want = strconv.Itoa(n << shift)
		} else if _, err := fmt.Sscanf(m[2], "%d", &n); err == nil {
			want = m[2]
		}
		if m[1] == "AppendLimit" { // LMTP has another
			want = "128 MiB by IMAP, 50 MiB by LMTP"
			if example := tagOf(Limits{}, m[1], "example"); example != strconv.Itoa(n<<shift) {
				t.Errorf("the example of %s is %s, and the code has %s", m[1], example, m[2])
			}
		}
		if got := tagOf(Limits{}, m[1], "default"); got != want {
			t.Errorf("%s: told is %q, and the code has %s", m[1], got, m[2])
		}
		compared++
	}
	if compared < 11 {
		t.Errorf("only %d limits compared", compared)
	}
	if got := tagOf(Limits{}, "History", "default"); got != strconv.Itoa(mailbox.DefaultHistory) {
		t.Errorf("history: told is %s", got)
	}
	serve, err := os.ReadFile("../server/serve.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"IMAP", "IMAPS", "LMTP", "HTTP"} {
		if def := tagOf(Server{}, field, "default"); !regexp.MustCompile(`setDefaults\(&file\.Server, .*\b` + field + `: "` + regexp.QuoteMeta(def) + `"`).Match(serve) {
			t.Errorf("%s: told is %q, and serve.go has something else", field, def)
		}
	}
}

// TestReadme: the example of the README can be loaded, and the README says where the rest is.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "`restante help config`") {
		t.Error("the README does not point to restante help config")
	}
	examples := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(examples) == 0 {
		t.Error("the README has no example")
	}
	for _, m := range examples {
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err != nil {
			t.Errorf("the example of the README: %v", err)
		}
	}
}

func TestDuration(t *testing.T) {
	var d Duration
	if err := d.UnmarshalText([]byte("30m")); err != nil || time.Duration(d) != 30*time.Minute {
		t.Error(time.Duration(d), err)
	}
	if err := d.UnmarshalText([]byte("-1m")); err == nil {
		t.Error("-1m is taken")
	}
}
