/**
 * What is known of each problem: the table in `src/head/mod.rs`, written here by `tests/problem_table.rs`.
 */
// biome-ignore-all format: written by a program

export const PROBLEMS = {
  single_label: {"aliases":["single_label_classification"],"label":"one of several labels","nouns":["class","classes"],"rows":"single_label","reads":"texts","forms":["label"],"oneOutput":false,"rejects":true,"classes":true,"baseline":"by always answering the commonest label","measures":{"accuracy":{"title":"accuracy"},"macro_f1":{"title":"macro F1"},"micro_f1":{"title":"micro F1"},"matthews":{"chance":0.0,"title":"Matthews correlation"},"accuracy_in_scope":{"title":"accuracy in scope"},"accuracy_of_all":{"title":"accuracy of all"},"recall_out_of_scope":{"title":"recall out of scope"}}},
  multi_label: {"aliases":["multi_label_classification"],"label":"any number of labels","nouns":["label","labels"],"rows":"multi_label","reads":"texts","forms":["labels"],"oneOutput":false,"rejects":false,"classes":false,"baseline":"by answering no label","measures":{"macro_f1":{"chance":0.0,"title":"macro F1"},"micro_f1":{"chance":0.0,"title":"micro F1"},"accuracy":{"title":"accuracy"}}},
  regression: {"aliases":[],"label":"a number","nouns":["number","numbers"],"rows":"regression","reads":"texts","forms":["number"],"oneOutput":true,"rejects":false,"classes":false,"baseline":"by always answering the same number","measures":{"spearman":{"chance":0.0,"title":"Spearman correlation"},"pearson":{"chance":0.0,"title":"Pearson correlation"},"rmse":{"title":"root mean squared error"}}},
  token_classification: {"aliases":[],"label":"a tag for each word, or spans","nouns":["kind of place","kinds of places"],"rows":"token_classification","reads":"tokens","forms":["spans"],"oneOutput":false,"rejects":false,"classes":false,"baseline":"by finding nothing","measures":{"entity_f1":{"chance":0.0,"title":"entity F1"},"accuracy":{"title":"accuracy"},"macro_f1":{"chance":0.0,"title":"macro F1"},"micro_f1":{"chance":0.0,"title":"micro F1"},"f1":{"chance":0.0,"title":"F1"}}},
  ranking: {"aliases":[],"label":"which of two texts is better","nouns":["comparison","comparisons"],"rows":"ranking","reads":"texts_apart","forms":["label","number"],"oneOutput":true,"rejects":false,"classes":false,"baseline":"by guessing","measures":{"accuracy":{"chance":0.5,"title":"accuracy"}}},
} as const;

/** What epochs can be chosen by, besides F1 of one label. */
export const METRICS = ["accuracy","entity_f1","macro_f1","matthews","micro_f1","pearson","spearman"] as const;
