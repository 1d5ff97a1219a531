/**
 * What is known of each problem: the table in `src/head/problem.rs`, written here by `tests/problem_table.rs`.
 */
// biome-ignore-all format: written by a program

export const PROBLEMS = {
  single_label: {"aliases":["single_label_classification"],"baseline":"by always answering the commonest label","classes":true,"forms":["label"],"label":"one of several labels","measures":{"accuracy":{"title":"accuracy"},"accuracy_in_scope":{"title":"accuracy in scope"},"accuracy_of_all":{"title":"accuracy of all"},"macro_f1":{"title":"macro F1"},"matthews":{"chance":0.0,"title":"Matthews correlation"},"micro_f1":{"title":"micro F1"},"recall_out_of_scope":{"title":"recall out of scope"}},"nouns":["class","classes"],"oneOutput":false,"reads":"texts","rejects":true,"rows":"single_label"},
  multi_label: {"aliases":["multi_label_classification"],"baseline":"by answering no label","classes":false,"forms":["labels"],"label":"any number of labels","measures":{"accuracy":{"title":"accuracy"},"macro_f1":{"chance":0.0,"title":"macro F1"},"micro_f1":{"chance":0.0,"title":"micro F1"}},"nouns":["label","labels"],"oneOutput":false,"reads":"texts","rejects":false,"rows":"multi_label"},
  regression: {"aliases":[],"baseline":"by always answering the same number","classes":false,"forms":["number"],"label":"a number","measures":{"pearson":{"chance":0.0,"title":"Pearson correlation"},"rmse":{"title":"root mean squared error"},"spearman":{"chance":0.0,"title":"Spearman correlation"}},"nouns":["number","numbers"],"oneOutput":true,"reads":"texts","rejects":false,"rows":"regression"},
  token_classification: {"aliases":[],"baseline":"by finding nothing","classes":false,"forms":["spans"],"label":"a tag for each word, or spans","measures":{"accuracy":{"title":"accuracy"},"entity_f1":{"chance":0.0,"title":"entity F1"},"f1":{"chance":0.0,"title":"F1"},"macro_f1":{"chance":0.0,"title":"macro F1"},"micro_f1":{"chance":0.0,"title":"micro F1"}},"nouns":["kind of place","kinds of places"],"oneOutput":false,"reads":"tokens","rejects":false,"rows":"token_classification"},
  ranking: {"aliases":[],"baseline":"by guessing","classes":false,"forms":["label","number"],"label":"which of two texts is better","measures":{"accuracy":{"chance":0.5,"title":"accuracy"}},"nouns":["comparison","comparisons"],"oneOutput":true,"reads":"texts_apart","rejects":false,"rows":"ranking"},
} as const;

/** What epochs can be chosen by, besides F1 of one label. */
export const METRICS = ["accuracy","entity_f1","macro_f1","matthews","micro_f1","pearson","spearman"] as const;
