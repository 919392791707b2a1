package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"restante/imapserver"
	"restante/lmtp"
)

// config is the configuration file, in TOML. Both halves may be in one file.
type config struct {
	Server         serverConfig             `toml:"server"`
	DefaultAccount string                   `toml:"default_account"` // of client commands that name none
	Accounts       map[string]accountConfig `toml:"accounts"`

	path string // of the file
}

// serverConfig is the [server] table. Flags of the command line win over it.
type serverConfig struct {
	Data           string       `toml:"data"`
	IMAP           string       `toml:"imap"`
	IMAPS          string       `toml:"imaps"`
	LMTP           string       `toml:"lmtp"`
	HTTP           string       `toml:"http"`
	TLSCert        string       `toml:"tls_cert"`
	TLSKey         string       `toml:"tls_key"`
	AllowPlaintext bool         `toml:"allow_plaintext"`
	Hostname       string       `toml:"hostname"`
	Postmaster     string       `toml:"postmaster"`
	LogLevel       string       `toml:"log_level"`
	Limits         limitsConfig `toml:"limits"`
}

// limitsConfig is the [server.limits] table; what is left out has its default.
type limitsConfig struct {
	LineLength         int      `toml:"line_length"`
	CommandLiterals    int64    `toml:"command_literals"`
	AppendLimit        int64    `toml:"append_limit"`
	CommandsBeforeAuth int      `toml:"commands_before_login"`
	ErrorsBeforeAuth   int      `toml:"errors_before_login"`
	Errors             int      `toml:"errors"`
	ConnsPerAddr       int      `toml:"connections_per_address"`
	ConnsPerUser       int      `toml:"connections_per_user"`
	AuthTimeout        duration `toml:"login_timeout"`
	IdleTimeout        duration `toml:"idle_timeout"`
	WriteTimeout       duration `toml:"write_timeout"`
}

// duration is a time.Duration written as "30m".
type duration time.Duration

// UnmarshalText parses the form of time.ParseDuration.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v <= 0 {
		err = errors.New("a duration must be positive, like \"30m\"")
	}
	*d = duration(v)
	return err
}

func (l limitsConfig) imap() imapserver.Limits {
	return imapserver.Limits{
		LineLength: l.LineLength, CommandLiterals: l.CommandLiterals, AppendLimit: l.AppendLimit,
		CommandsBeforeAuth: l.CommandsBeforeAuth, ErrorsBeforeAuth: l.ErrorsBeforeAuth, Errors: l.Errors,
		ConnsPerAddr: l.ConnsPerAddr, ConnsPerUser: l.ConnsPerUser,
		AuthTimeout: time.Duration(l.AuthTimeout), IdleTimeout: time.Duration(l.IdleTimeout),
		WriteTimeout: time.Duration(l.WriteTimeout),
	}
}

func (l limitsConfig) lmtp() lmtp.Limits { return lmtp.Limits{MessageSize: l.AppendLimit} }

// loadConfig reads a configuration file. An unknown key is an error: it is a misspelt one.
func loadConfig(path string) (*config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := config{path: path}
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

// defaultConfigPath is where the configuration is looked for when none is named.
func defaultConfigPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "restante", "config.toml")
}

// findConfig reads the named file, or the one at the usual place; that one need not exist.
func findConfig(path string) (*config, error) {
	if path != "" {
		return loadConfig(path)
	}
	if path = defaultConfigPath(); path == "" {
		return &config{path: "a configuration file"}, nil
	}
	c, err := loadConfig(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &config{path: path}, nil
	}
	return c, err
}

// defaultData is where a server keeps mail when no folder is named.
func defaultData() string {
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
