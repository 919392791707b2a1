package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"restante/cmd/restante/internal/terminal"
)

// PasswordVariable is the environment variable that has the password of the one account in use.
const PasswordVariable = "RESTANTE_PASSWORD"

// AskPassword asks for the password on the terminal unless it is known, or a command tells it. w gets
// the prompt.
func (a *Account) AskPassword(ctx context.Context, w io.Writer) (err error) {
	if !a.needsAsk {
		return nil
	}
	if !terminal.CanAsk() {
		return fmt.Errorf("no password for %s: set %s or use --password-command; there is no terminal to ask on", a.User, PasswordVariable)
	}
	a.password, err = terminal.AskPassword(ctx, w, fmt.Sprintf("Password for %s at %s: ", a.User, a.URL))
	a.needsAsk = false
	return err
}

// runPasswordCommand gets the password from the account's command.
func (a *Account) runPasswordCommand(ctx context.Context, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", a.config.PasswordCommand)
	cmd.Stderr = stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the password command failed: %w", err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if a.password = strings.TrimSuffix(line, "\r"); a.password == "" {
		return errors.New("the password command printed no password")
	}
	return nil
}
