package pgstore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"restante/internal/pgtest"
)

// faultEnv names the fault of the database that TestFaults runs a test on.
const faultEnv = "RESTANTE_PGSTORE_FAULT"

// faults are what the database makes of what it is told, as if the store had told it that, and the
// tests that must notice it. do is what a trigger does before each row.
var faults = []struct{ name, table, event, do, noticedBy string }{
	{"UIDNEXT stays", "mailbox", "UPDATE", "NEW.uidnext = OLD.uidnext; RETURN NEW;", "TestStoreOnNodes/Append"},
	{"HIGHESTMODSEQ stays", "mailbox", "UPDATE", "NEW.modseq = OLD.modseq; RETURN NEW;", "TestStoreOnNodes/StoreFlags"},
	{"counts stay", "mailbox", "UPDATE", "NEW.unseen = OLD.unseen; RETURN NEW;", "TestStoreOnNodes/Model"},
	{"counts stay", "mailbox", "UPDATE", "NEW.unseen = OLD.unseen; RETURN NEW;", "TestCommitInterrupted"},
	{"keywords are lost", "mailbox", "UPDATE", "NEW.keywords = OLD.keywords; RETURN NEW;", "TestStoreOnNodes/Keywords"},
	{"the history has a hole", "mailbox", "UPDATE", "NEW.history_since = OLD.history_since; RETURN NEW;", "TestStoreOnNodes/ChangesTooOld"},
	{"claims are lost", "mailbox", "UPDATE", "NEW.claimed = OLD.claimed; RETURN NEW;", "TestStoreOnNodes/Recent"},
	{"names have one number", "account", "UPDATE", "NEW.names_seq = OLD.names_seq; RETURN NEW;", "TestStoreOnNodes/Namespace"},
	{"UIDVALIDITY is forgotten", "account", "UPDATE", "NEW.last_validity = 0; RETURN NEW;", "TestStoreOnNodes/UIDValidity"},
	{"subscriptions are lost", "subscription", "INSERT", "RETURN NULL;", "TestStoreOnNodes/Namespace"},
	{"metadata is lost", "metadata", "INSERT", "RETURN NULL;", "TestStoreOnNodes/Metadata"},
	{"metadata stays", "metadata", "DELETE", "RETURN NULL;", "TestStoreOnNodes/Metadata"},
	{"flags are not logged", "changed", "INSERT", "RETURN NULL;", "TestStoreOnNodes/StoreFlags"},
	{"flags are not written", "message", "UPDATE", "RETURN OLD;", "TestStoreOnNodes/StoreFlags"},
	{"flags are not written", "message", "UPDATE", "RETURN OLD;", "TestCommitInterrupted"},
	{"far keywords are lost", "message", "INSERT", "NEW.far = NULL; RETURN NEW;", "TestStoreOnNodes/ManyKeywords"},
	{"dates are lost", "message", "INSERT", "NEW.saved = NEW.saved + 1; RETURN NEW;", "TestStoreOnNodes/Model"},
	{"removals are not logged", "expunged", "INSERT", "RETURN NULL;", "TestStoreOnNodes/Expunge"},
	{"messages stay", "message", "DELETE", "RETURN NULL;", "TestCommitInterrupted"},
	{"email IDs are others", "email", "INSERT", "NEW.email_id = NEW.email_id + 1; RETURN NEW;", "TestStoreOnNodes/Append"},
	{"summaries are lost", "email", "INSERT", "NEW.summary = NULL; RETURN NEW;", "TestStoreOnNodes/Details"},
	{"bodies are damaged", "email", "INSERT", "NEW.body = NEW.body || 'x'; RETURN NEW;", "TestStoreOnNodes/Body"},
	{"sizes are others", "email", "INSERT", "NEW.size = NEW.size + 1; RETURN NEW;", "TestStoreOnNodes/Body"},
	{"commits have no id", "done", "INSERT", "RETURN NULL;", "TestCommitInterrupted"},
	{"emails stay", "trash", "INSERT", "RETURN NULL;", "TestSweep"},
	{"trash keeps its time", "trash", "UPDATE", "NEW.at = OLD.at; RETURN NEW;", "TestSweepRemovedMeanwhile"},
	{"orphans are never looked for", "task", "UPDATE", "RETURN NULL;", "TestSweepOrphans"},
}

// TestFaults runs tests, each time on a database with another fault, and wants them to fail.
func TestFaults(t *testing.T) {
	pgtest.Database(t, "") // or skip
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	for _, f := range faults {
		t.Run(f.name+" "+f.noticedBy, func(t *testing.T) {
			t.Parallel()
			run := "^" + strings.ReplaceAll(f.noticedBy, "/", "$/^") + "$"
			cmd := exec.Command(os.Args[0], "-test.run="+run, "-test.short")
			cmd.Env = append(os.Environ(), faultEnv+"="+f.name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+f.noticedBy) || strings.Contains(string(out), "panic:") {
				t.Errorf("not noticed: %v\n%.5000s", err, out)
			}
		})
	}
}

// seedFault gives the database of a store the fault that TestFaults wants, if it does.
func seedFault(s *Store) error {
	name := os.Getenv(faultEnv)
	if name == "" {
		return nil
	}
	for _, f := range faults {
		if f.name != name {
			continue
		}
		for _, sql := range []string{
			"CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + f.do + " END $$",
			fmt.Sprintf("CREATE OR REPLACE TRIGGER fault BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION fault()", f.event, f.table),
		} {
			if _, err := s.cells[0].db.pool.Exec(context.Background(), sql); err != nil {
				return err
			}
		}
		break
	}
	return nil
}
