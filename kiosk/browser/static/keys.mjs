// Secret keys in the browser's database, each encrypted by a key that no script can read out. So a
// copy of the files alone can't sign.

const NAME = "hallkeeper";
const STORE = "keys";
const CIPHER = "AES-GCM";

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Keys {
  static async open() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return new Keys(await done(request));
  }

  constructor(database) {
    this.database = database;
  }

  async load(name) {
    const entry = await done(this.database.transaction(STORE).objectStore(STORE).get(name));
    if (!entry) return null;
    const { key, iv, wrapped } = entry;
    return new Uint8Array(await crypto.subtle.decrypt({ name: CIPHER, iv }, key, wrapped));
  }

  async isEmpty() {
    return (await done(this.database.transaction(STORE).objectStore(STORE).count())) === 0;
  }

  async save(name, secret) {
    const key = await crypto.subtle.generateKey({ name: CIPHER, length: 256 }, false, ["encrypt", "decrypt"]);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const wrapped = await crypto.subtle.encrypt({ name: CIPHER, iv }, key, secret);
    await this.write((store) => store.put({ key, iv, wrapped }, name));
  }

  async forget(name) {
    await this.write((store) => store.delete(name));
  }

  write(step) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
      step(transaction.objectStore(STORE));
    });
  }
}
