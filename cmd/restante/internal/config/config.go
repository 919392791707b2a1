// Package config reads the configuration file, of which client and server each have a part.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// File is the configuration file, in TOML. Both halves may be in one file.
type File struct {
	Server         Server             `toml:"server"`
	DefaultAccount string             `toml:"default_account"` // of client commands that name none
	Accounts       map[string]Account `toml:"accounts"`

	Path string `toml:"-"` // of the file
}

// Server is the [server] table. Flags of the command line win over it.
type Server struct {
	Data              string   `toml:"data"`
	IMAP              string   `toml:"imap"`
	IMAPS             string   `toml:"imaps"`
	LMTP              string   `toml:"lmtp"`
	HTTP              string   `toml:"http"`
	ProxyProtocolFrom []string `toml:"proxy_protocol_from"`
	ProxyProtocolOn   []string `toml:"proxy_protocol_on"`
	TLSCert           string   `toml:"tls_cert"`
	TLSKey            string   `toml:"tls_key"`
	AllowPlaintext    bool     `toml:"allow_plaintext"`
	Hostname          string   `toml:"hostname"`
	Domains           []string `toml:"domains"`
	Postmaster        string   `toml:"postmaster"`
	LogLevel          string   `toml:"log_level"`
	Limits            Limits   `toml:"limits"`
}

// Limits is the [server.limits] table; what is left out has its default.
type Limits struct {
	LineLength         int      `toml:"line_length"`
	CommandLiterals    int64    `toml:"command_literals"`
	AppendLimit        int64    `toml:"append_limit"`
	History            int      `toml:"history"`
	CommandsBeforeAuth int      `toml:"commands_before_login"`
	ErrorsBeforeAuth   int      `toml:"errors_before_login"`
	Errors             int      `toml:"errors"`
	ConnsPerAddr       int      `toml:"connections_per_address"`
	ConnsPerUser       int      `toml:"connections_per_user"`
	AuthTimeout        Duration `toml:"login_timeout"`
	IdleTimeout        Duration `toml:"idle_timeout"`
	WriteTimeout       Duration `toml:"write_timeout"`
}

// Duration is a time.Duration written as "30m".
type Duration time.Duration

// UnmarshalText parses the form of time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v <= 0 {
		err = errors.New("a duration must be positive, like \"30m\"")
	}
	*d = Duration(v)
	return err
}

// Account is an [accounts.NAME] table: one login at one IMAP server.
type Account struct {
	URL  string `toml:"url"`  // imaps://[user@]host[:port], or imap:// for STARTTLS
	User string `toml:"user"` // if it is not in the URL

	// Where the password comes from; with none of them it is asked for.
	PasswordCommand string `toml:"password_command"` // run by sh, its first line of output
	PasswordEnv     string `toml:"password_env"`     // name of an environment variable
	Password        string `toml:"password"`

	CAFile         string `toml:"cafile"`          // certificates to trust instead of the system's, PEM
	AllowPlaintext bool   `toml:"allow_plaintext"` // sends the password without encryption when there is none
	TLSSkipVerify  bool   `toml:"tls_skip_verify"` // takes any certificate, so anybody can listen in

	Roles Roles `toml:"roles"` // mailboxes with a role, where neither the server nor their name tells
}

// Roles is an [accounts.NAME.roles] table: names of mailboxes, as 'restante ls' shows them.
type Roles struct {
	Archive string `toml:"archive"`
	Drafts  string `toml:"drafts"`
	Junk    string `toml:"junk"`
	Sent    string `toml:"sent"`
	Trash   string `toml:"trash"`
}

// Load reads a configuration file. An unknown key is an error: it is a misspelt one.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := File{Path: path}
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		// Not the texts of the library: they quote lines of the file, where passwords may stand.
		var strict *toml.StrictMissingError
		var wrong *toml.DecodeError
		switch {
		case errors.As(err, &strict) && len(strict.Errors) > 0:
			e := strict.Errors[0]
			row, _ := e.Position()
			return nil, fmt.Errorf("%s:%d: unknown key %s", path, row, strings.Join(e.Key(), "."))
		case errors.As(err, &wrong):
			row, col := wrong.Position()
			return nil, fmt.Errorf("%s:%d:%d: %w", path, row, col, wrong)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &c, nil
}

// PathVariable is the environment variable that names the configuration file of client commands.
const PathVariable = "RESTANTE_CONFIG"

// DefaultPath is where the configuration is looked for when none is named.
func DefaultPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "restante", "config.toml")
}

// Find reads the named file, the one that PathVariable names, or the one at the usual place; that one
// need not exist.
func Find(path string) (*File, error) {
	if path == "" {
		path = os.Getenv(PathVariable)
	}
	if path != "" {
		return Load(path)
	}
	if path = DefaultPath(); path == "" {
		return &File{Path: "a configuration file"}, nil
	}
	c, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{Path: path}, nil
	}
	return c, err
}

// AccountNames returns the names in the configuration, sorted.
func (c *File) AccountNames() []string {
	names := make([]string, 0, len(c.Accounts))
	for name := range c.Accounts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ExpandHome replaces a leading "~/".
func ExpandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return home + "/" + rest
		}
	}
	return path
}

// DefaultData is where a server keeps mail when no folder is named.
func DefaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/restante"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "restante")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "restante-data"
	}
	return filepath.Join(home, ".local", "share", "restante")
}
