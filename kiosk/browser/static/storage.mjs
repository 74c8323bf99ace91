// The databases of a phone: SQLite's WebAssembly build on files of the browser (OPFS), or in memory.

const POOL = {
  name: "hallkeeper",
  directory: ".hallkeeper",
  forceReinitIfPreviouslyFailed: true,
  // By default a start that fails, as while the last worker still has a file, deletes them all.
  preserveOnInitFailure: true,
};
const SPARE_FILES = 8; // A new kiosk needs three databases, each with its rollback journal.
const STATEMENTS_MAX = 200;
const IO_ERROR = 10;
const FULL = 13;
const REPEATED = /^\s*(SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT|ROLLBACK)\b/i;

// SQLite reports a full storage as an I/O error, so the failed write itself is kept.
let isFull = false;

function watchWrites() {
  const handle = FileSystemSyncAccessHandle.prototype;
  const write = handle.write;
  handle.write = function (bytes, options) {
    isFull = true;
    const written = write.call(this, bytes, options);
    isFull = written < bytes.byteLength;
    return written;
  };
}

// `init` and `wasm` are the module of @sqlite.org/sqlite-wasm and the address of its WebAssembly.
async function start(init, wasm) {
  return init({ print: () => {}, printErr: () => {}, locateFile: () => wasm });
}

// Databases that outlive the worker. Throws where the browser has no such files, or another worker
// has them open.
export async function openStorage(init, wasm) {
  const sqlite = await start(init, wasm);
  const pool = await sqlite.installOpfsSAHPoolVfs(POOL);
  watchWrites();
  await pool.reserveMinimumCapacity(pool.getFileCount() + SPARE_FILES);
  return new Storage(sqlite, {
    outlives: true,
    open: (path) => new pool.OpfsSAHPoolDb(path),
    remove: (path) => pool.unlink(path),
    names: () => pool.getFileNames(),
  });
}

// Databases in memory. `files` has the content of databases that exist already, by path.
export async function memoryStorage(init, wasm, files = {}) {
  const sqlite = await start(init, wasm);
  const names = new Map(); // by path
  const named = (path) => {
    if (!names.has(path)) names.set(path, `memory-${++made}`);
    return names.get(path);
  };
  let made = 0;
  for (const [path, content] of Object.entries(files)) {
    sqlite.capi.sqlite3_js_posix_create_file(named(path), content);
  }
  return new Storage(sqlite, {
    outlives: false,
    open: (path) => new sqlite.oo1.DB(named(path), "c"),
    remove: (path) => names.delete(path),
    names: () => [...names.keys()],
  });
}

class Storage {
  constructor(sqlite, files) {
    this.sqlite = sqlite;
    this.files = files;
    this.outlives = files.outlives; // the worker
  }

  open(path) {
    return new Database(this.sqlite, this.files.open(path));
  }

  remove(path) {
    this.files.remove(path);
  }

  names() {
    return this.files.names();
  }
}

class Database {
  constructor(sqlite, database) {
    this.capi = sqlite.capi;
    this.database = database;
    this.statements = new Map(); // by text, the oldest first
  }

  // Runs one statement to its end. Returns the values of its rows, one row after the other, or the
  // number of changed rows (-1 if it changes none) for a statement without columns.
  run(sql, ...parameters) {
    let entry;
    try {
      entry = this.prepared(sql);
      const { statement, columns } = entry;
      if (parameters.length) statement.bind(parameters.map((value) => value ?? null));
      if (!columns.length) {
        statement.step();
        return entry.writes ? this.database.changes() : -1;
      }
      const values = [];
      while (statement.step()) values.push(...statement.get([]));
      return values;
    } catch (error) {
      throw this.explained(error);
    } finally {
      if (entry) this.put(sql, entry);
    }
  }

  // The names of the columns of a statement that has run.
  columns(sql) {
    return this.statements.get(sql)?.columns ?? this.last;
  }

  explained(error) {
    const code = error.resultCode ?? 1;
    if ((code & 0xff) === IO_ERROR && isFull) {
      return Object.assign(new Error(this.capi.sqlite3_errstr(FULL)), { code: FULL });
    }
    const pointer = this.database.pointer;
    const own = pointer && this.capi.sqlite3_errcode(pointer) ? this.capi.sqlite3_errmsg(pointer) : null;
    return Object.assign(new Error(own ?? this.capi.sqlite3_errstr(code)), { code });
  }

  prepared(sql) {
    const kept = this.statements.get(sql);
    if (kept) {
      this.statements.delete(sql);
      return kept;
    }
    const statement = this.database.prepare(sql);
    const columns = statement.columnCount ? statement.getColumnNames([]) : [];
    return { statement, columns, writes: !statement.isReadOnly() };
  }

  put(sql, entry) {
    this.last = entry.columns;
    try {
      entry.statement.reset(true);
    } catch {
      // A reset reports the error of the last step once more.
    }
    if (!REPEATED.test(sql)) {
      entry.statement.finalize();
      return;
    }
    this.statements.set(sql, entry);
    if (this.statements.size > STATEMENTS_MAX) {
      const [oldest] = this.statements.keys();
      this.statements.get(oldest).statement.finalize();
      this.statements.delete(oldest);
    }
  }

  inTransaction() {
    return this.capi.sqlite3_get_autocommit(this.database.pointer) === 0;
  }

  close() {
    for (const { statement } of this.statements.values()) statement.finalize();
    this.statements.clear();
    this.database.close();
  }
}
